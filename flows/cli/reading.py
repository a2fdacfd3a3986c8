"""The reader's side: ``top``, ``why``, ``sql``, ``status``, ``diff``, ``models``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.cli import console
from flows.cli.options import Format, FormatOption, HomeOption, there

if TYPE_CHECKING:
    from recengine.serving.comparison import Difference


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command(context_settings={"ignore_unknown_options": True})(top)  # -5 may be a user
    app.command(context_settings={"ignore_unknown_options": True})(why)
    for command in (sql, status, diff, models):
        app.command()(command)


def top(
    user: Annotated[str, typer.Argument(help="User id")],
    n: Annotated[int | None, typer.Option("--n", min=1, help="Rows; all published when left out")] = None,
    form: FormatOption = "table",
    home: HomeOption = None,
) -> None:
    """A user's recommendations with titles; an unknown user gets the popular movies."""
    from recengine.serving import queries as reading

    frame = reading.top(there(home), user, n)
    popular = len(frame) and frame["source"][0] == "popular_movies"
    if popular:
        console.say(f"User {user} is not known: these are the popular movies.")
    title = "Popular movies" if popular else f"Recommendations for user {user}"
    if form == "table":
        console.show_list(frame, title)
    else:
        console.show(frame, form)


def why(
    user: Annotated[str, typer.Argument(help="User id")],
    movie: Annotated[int | None, typer.Argument(help="Movie id; all of the list when left out")] = None,
    form: FormatOption = "table",
    home: HomeOption = None,
) -> None:
    """What is among the reasons of a user's recommendations: the parts of the scores that speak most for them."""
    from recengine.serving import reasons

    frame = reasons.why(there(home), user, movie)
    if form == "table":
        frame = reasons.to_read(frame)
    console.show(frame, form, f"Among the reasons for what user {user} is recommended")


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT on the published tables")],
    form: FormatOption = "table",
    home: HomeOption = None,
) -> None:
    """Any SELECT on the published tables, read-only."""
    from recengine.serving import queries as reading

    console.show(reading.sql(there(home), query), form)


def status(
    form: FormatOption = "table",
    max_age: Annotated[
        str | None,
        typer.Option(
            "--max-age",
            metavar="AGE",
            help="Say in a sentence whether what is published is older than 90m, 26h or 3d; exit 1 if it is",
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """What is published, by which model, from which data, and the last runs; exit 0 only if something is."""
    import pandas as pd

    from recengine.serving import freshness
    from recengine.serving import queries as reading

    limit, chosen = freshness.age_of(max_age) if max_age else None, there(home)
    if limit is not None:
        found = freshness.freshness(chosen, limit)
        console.show_json(found.model_dump(mode="json")) if form == "json" else print(found.sentence)
        raise typer.Exit(1 if found.stale else 0)
    status = reading.status(chosen)
    if form == "json":
        console.show_json(status)
        return
    console.show_facts(status["publication"], form, "publication")
    for name in ("runs", "loads", "publications"):
        if status[name]:
            console.show(pd.DataFrame(status[name]), form, title=f"Last {name}")
    console.say(f"Versions kept: {', '.join(status['versions'])}")


def diff(
    before: Annotated[
        str | None, typer.Argument(metavar="[A]", help="A version; left out, the newest two are compared")
    ] = None,
    after: Annotated[
        str | None, typer.Argument(metavar="[B]", help="Another one; left out, what readers see")
    ] = None,
    n: Annotated[int, typer.Option("--n", min=0, help="Movies to name that came and that went")] = 10,
    form: FormatOption = "table",
    home: HomeOption = None,
) -> None:
    """How two versions' lists differ: overlap, users whose lists changed, movies in and out."""
    from recengine.serving.comparison import compare

    found = compare(there(home), before, after, n)
    if form == "json":
        console.show_json(found.model_dump(mode="json"))
    else:
        _show_difference(found, form)


def _show_difference(found: Difference, form: Format) -> None:
    """The figures and the movies as tables; as csv the movies alone."""
    import pandas as pd

    movies = [
        {"change": change, **movie.model_dump()}
        for change, moved in (("in", found.came), ("out", found.went))
        for movie in moved
    ]
    frame = pd.DataFrame(movies, columns=["change", "movie_id", "title", "year", "users"]).convert_dtypes()
    if form == "table":
        figures = found.model_dump(exclude={"came", "went"})
        values = [f"{v:.4f}" if isinstance(v, float) else str(v) for v in figures.values()]
        title = f"Lists of {found.rows} before and after"
        console.show(pd.DataFrame({"what": list(figures), "value": values}), form, title)
    if movies or form == "csv":
        console.show(frame, form, "Movies that came to lists, and that left all of them")


def models(
    action: Annotated[Literal["list", "show"], typer.Argument(help="list, or show MODEL_ID")] = "list",
    model_id: Annotated[str | None, typer.Argument(help="For show: which one")] = None,
    form: FormatOption = "table",
    home: HomeOption = None,
) -> None:
    """The stored models, newest first, or one of them with all its figures."""
    import pandas as pd

    from recengine.errors import BadInput
    from recengine.models import store

    chosen = there(home)
    if action == "list":
        rows = [
            {
                "model_id": manifest.model_id,
                "dataset": manifest.dataset,
                "trained_at": str(manifest.trained_at),
                "seconds": round(manifest.seconds, 1),
                "ndcg@10": manifest.metrics.get("ndcg@10"),
                "rmse": manifest.metrics.get("rmse"),
                "measured_at": manifest.figures.get("measured_at"),
                "measured_on": manifest.figures.get("measured_on"),
                "measured_users": manifest.figures.get("measured_users"),
            }
            for manifest in store.stored(chosen)
        ]
        columns = ["model_id", "dataset", "trained_at", "seconds", "ndcg@10", "rmse"]
        columns += ["measured_at", "measured_on", "measured_users"]
        console.show(pd.DataFrame(rows, columns=columns), form)
        return
    if model_id is None:
        raise BadInput("Say which model: recengine models show MODEL_ID; `recengine models` lists them.")
    manifest = store.manifest_of(chosen, model_id)
    shown = manifest.model_dump(mode="json")
    if form == "json":
        console.show_json(shown)
        return
    flat = {name: value for name, value in shown.items() if name not in ("metrics", "history", "measured")}
    flat |= {f"metric {name}": value for name, value in manifest.figures.items()}
    console.show_facts(flat, form, "what")
