"""``recengine plan``: what a night would do and why, touching nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from flows.cli import console
from flows.cli.options import (
    ForceOption,
    Format,
    FormatOption,
    HomeOption,
    ModelOption,
    NightDatasetOption,
    RulesOption,
    SetOption,
    SourceOption,
    knobs,
    refuse_what_cannot_be,
)

if TYPE_CHECKING:
    from flows.support.planning import Plan


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(plan)


def plan(
    dataset: NightDatasetOption = None,
    source: SourceOption = None,
    model: ModelOption = None,
    home: HomeOption = None,
    force: ForceOption = False,
    rules: RulesOption = None,
    settings: SetOption = None,
    form: FormatOption = "table",
) -> None:
    """What `recengine run` would do now, why, and in how many seconds; nothing is written, fetched or made."""
    from flows.support import planning
    from recengine.config import Home, checked_dataset
    from recengine.knobs.sources import DEFAULT
    from recengine.serving.continuity import Night

    options = {"train.model": model, "score.rules": rules}
    in_force = knobs(home, settings, options)
    refuse_what_cannot_be(in_force)
    asked = Night(
        dataset=checked_dataset(dataset) if dataset else None,
        source=str(source.absolute()) if source else None,
        limits=in_force.knobs.ingest,
        top_n=None if in_force.origin("score.top_n") == DEFAULT else in_force.knobs.score.top_n,
    )
    found = planning.plan(Home(Home.place(home)), asked, in_force.knobs, force=force)
    if form == "json":
        console.show_json(found.model_dump(mode="json"))
    else:
        _show(found, form)


def _show(found: Plan, form: Format) -> None:
    """What and why, the files that are not as they were, the stages with their seconds."""
    import pandas as pd

    what = "a whole night" if found.runs else "a look at the files, and no more"
    total = (
        f"about {found.total:,.0f} s, as the last {found.nights} such nights"
        if found.total
        else "not known yet"
    )
    rows = [("dataset", found.dataset), ("would run", what), *(("because", why) for why in found.why)]
    rows += [("verdict", found.verdict)] if found.verdict else []
    rows += [("takes", total if found.nights != 1 else f"about {found.total:,.0f} s, as the last such night")]
    console.show(pd.DataFrame(rows, columns=["what", "value"]), form, "The night as it would be now")
    if found.files:
        frame = pd.DataFrame(list(found.files.items()), columns=["file", "is"])
        console.show(frame, form, "Files that are not as they were loaded")
    if found.seconds:
        frame = pd.DataFrame(list(found.seconds.items()), columns=["stage", "seconds"])
        console.show(frame, form, "Seconds by stage")
