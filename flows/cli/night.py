"""``recengine run``: the whole night, through Prefect."""

from __future__ import annotations

from pathlib import Path

import typer

from flows.cli import backtest, console, stopped
from flows.cli.options import (
    AsOfOption,
    BadShareOption,
    CalibrationOption,
    DeviceOption,
    DiversityOption,
    EngineOption,
    ExportOption,
    ForceOption,
    FromScratchOption,
    HomeOption,
    ModelOption,
    NightDatasetOption,
    PopularityDebiasOption,
    RankByOption,
    RayAddressOption,
    ReasonsOption,
    RecencyOption,
    RulesOption,
    ScaleOption,
    SeedOption,
    SetOption,
    SourceOption,
    TakesExports,
    TopNOption,
    VariantsOption,
    exports,
    knobs,
    refuse_what_cannot_be,
    use,
)
from flows.server import local
from recengine.config import Home, checked_dataset
from recengine.errors import BadInput, legible

_HOW_TO_QUERY = """
Query them:
  recengine top {user} --home {home}
  recengine sql --home {home} "SELECT title, count(*) AS users FROM recommendations_detailed
                               GROUP BY title ORDER BY users DESC LIMIT 5"
  duckdb -readonly {link} "FROM recommendations_detailed LIMIT 5"
From Python:
  import duckdb
  duckdb.connect({literal}, read_only=True).sql("FROM recommendations_detailed LIMIT 5")
"""


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command(cls=TakesExports)(run)


def _kept(source: Path) -> str:
    """A path that Prefect can keep with the run: what it keeps is UTF-8."""
    if legible(source) != str(source):
        raise BadInput(
            f"{source} is no UTF-8, in which Prefect keeps what a run was told; rename it, or give a link to it."
        )
    return str(source)


def run(
    dataset: NightDatasetOption = None,
    source: SourceOption = None,
    top_n: TopNOption = None,
    model: ModelOption = None,
    recency: RecencyOption = None,
    home: HomeOption = None,
    force: ForceOption = False,
    seed: SeedOption = None,
    from_scratch: FromScratchOption = False,
    max_bad_share: BadShareOption = None,
    scale: ScaleOption = None,
    device: DeviceOption = None,
    engine: EngineOption = None,
    ray_address: RayAddressOption = None,
    export: ExportOption = None,
    reasons: ReasonsOption = None,
    diversity: DiversityOption = None,
    calibration: CalibrationOption = None,
    popularity_debias: PopularityDebiasOption = None,
    rank_by: RankByOption = None,
    variants: VariantsOption = None,
    rules: RulesOption = None,
    as_of: AsOfOption = None,
    settings: SetOption = None,
) -> None:
    """The whole nightly flow, through Prefect: files in, published tables out."""
    options = {
        "score.top_n": top_n,
        "train.model": model,
        "train.recency": recency,
        "train.seed": seed,
        "train.reuse.from_scratch": from_scratch or None,
        "train.device": device,
        "score.device": device,
        "cluster.engine": engine,
        "cluster.ray_address": ray_address,
        "score.reasons": reasons,
        "score.diversity": diversity,
        "score.calibration": calibration,
        "score.popularity_debias": popularity_debias,
        "score.rank_by": rank_by,
        "score.variants": variants,
        "score.rules": rules,
        "ingest.max_bad_share": max_bad_share,
        "ingest.scale": scale,
        "publish.exports": exports(export),
    }
    in_force = knobs(home, settings, options)
    refuse_what_cannot_be(in_force)
    if as_of is not None:
        backtest.run(
            home, as_of, in_force, force, {"--dataset": dataset, "--source": source, "--export": export}
        )
        show_published(Home.at())
        return
    chosen, name = use(home), checked_dataset(dataset) if dataset else "published"
    path = _kept(source.absolute()) if source else None
    local.settle(chosen)
    with console.busy("starting"), local.server():
        from flows.nightly import nightly
        from flows.support.form import command_line
        from flows.support.progress import heard_by
        from flows.support.stopping import interrupted

    with (
        command_line(settings or [], options),
        console.progress() as on_progress,
        heard_by(on_progress),
        stopped.last(interrupted),
    ):
        state = nightly(
            dataset=name, source=path, force=force, return_state=True, **nightly.filled(in_force.knobs)
        )
    local.result_of(state)
    console.say(f"{state.name}: {state.message}")
    show_published(chosen)


def show_published(home: Home) -> None:
    """One user's list, and how to query all of them."""
    from recengine.serving import queries as reading

    first = int(reading.sql(home, "SELECT min(user_id) AS user_id FROM recommendations")["user_id"][0])
    _show_rules(home)
    console.show_list(reading.top(home, first), f"Recommendations for user {first}")
    link = home.serving_link
    print(
        _HOW_TO_QUERY.format(
            user=first, home=console.shell(home.root), link=console.shell(link), literal=repr(str(link))
        )
    )


def _show_rules(home: Home) -> None:
    """What each rule of the published lists names, changes and costs; nothing where there are none."""
    import pandas as pd

    from recengine.serving import queries as reading
    from recengine.serving import report

    with reading.serving(home) as con:
        rules = report.rules_in(con, con.execute("SELECT current_database()").fetchall()[0][0])
        publication = con.execute("FROM publication").df().iloc[0].to_dict()
    if rows := report.rule_rows(rules, publication):
        console.show(pd.DataFrame(rows, columns=report.RULE_HEADER), "table", "Rules")
