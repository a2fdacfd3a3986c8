"""One stage of the night without Prefect: ``ingest`` ... ``publish``, and ``rollback``.

Each takes the home's run lock as the flows do: it waits for a run that has it, and says for which.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from flows.cli import console
from flows.cli.options import (
    BadShareOption,
    CalibrationOption,
    DeviceOption,
    DiversityOption,
    ExportOption,
    ForceOption,
    FromScratchOption,
    HomeOption,
    ModelOption,
    NightDatasetOption,
    PopularityDebiasOption,
    RankByOption,
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
    alone,
    exports,
    knobs,
    refuse_what_cannot_be,
)
from recengine.knobs.sources import InForce


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (ingest, features, train, score, rollback):
        app.command()(command)
    app.command(cls=TakesExports)(publish)


def ingest(
    dataset: NightDatasetOption = None,
    source: SourceOption = None,
    home: HomeOption = None,
    max_bad_share: BadShareOption = None,
    scale: ScaleOption = None,
    settings: SetOption = None,
) -> None:
    """Load MovieLens files into the warehouse."""
    from recengine import ingest as engine
    from recengine.movielens.locating import locate
    from recengine.serving.continuity import Night, going_on
    from recengine.warehouse.connection import warehouse

    in_force = knobs(home, settings, {"ingest.max_bad_share": max_bad_share, "ingest.scale": scale})
    with alone(home, "ingest") as chosen, console.busy("ingest"):
        asked = Night(
            dataset=dataset,
            source=None if source is None else str(source),
            limits=in_force.knobs.ingest,
        )
        with warehouse(chosen.warehouse) as con:
            night = going_on(con, chosen, asked)
        files = locate(chosen, night.dataset, night.source)
        with warehouse(chosen.warehouse) as con:
            report = engine.ingest(con, files, night.limits)
    for reason, count in report.quarantined_by_reason.items():
        console.say(f"  quarantined, {reason}: {count:,}")


def features(home: HomeOption = None) -> None:
    """Build the feature tables and the snapshot."""
    from recengine import features as engine
    from recengine.warehouse.connection import warehouse

    with alone(home, "features") as chosen, warehouse(chosen.warehouse) as con, console.busy("features"):
        engine.build(con, chosen)


def train(
    model: ModelOption = None,
    recency: RecencyOption = None,
    seed: SeedOption = None,
    home: HomeOption = None,
    force: ForceOption = False,
    from_scratch: FromScratchOption = False,
    device: DeviceOption = None,
    settings: SetOption = None,
) -> None:
    """Judge the candidates on the newest ratings and train the winner."""
    from recengine import features as feature_stage
    from recengine import train as engine
    from recengine.engine.chosen import engine_of
    from recengine.warehouse.connection import warehouse

    options = {
        "train.model": model,
        "train.recency": recency,
        "train.seed": seed,
        "train.reuse.from_scratch": from_scratch or None,
        "train.device": device,
    }
    in_force = knobs(home, settings, options)
    refuse_what_cannot_be(in_force)
    with alone(home, "train") as chosen:
        with warehouse(chosen.warehouse) as con:
            folder = feature_stage.build(con, chosen).folder
        training, lists = in_force.knobs.train, in_force.knobs.score
        with console.progress() as progress, engine_of(in_force.knobs.cluster) as shards:
            report = engine.train(
                chosen, folder, training, lists=lists, force=force, on_progress=progress, engine=shards
            )
        if report.model_id is None:
            console.say(f"Nothing was trained: {report.selection.reason}")
            return
        with warehouse(chosen.warehouse) as con:
            engine.remember(con, chosen, report.model_id)
    print(report.model_id)


def score(
    model_id: Annotated[str | None, typer.Argument(help="The newest model of the data when left out")] = None,
    top_n: TopNOption = None,
    home: HomeOption = None,
    device: DeviceOption = None,
    reasons: ReasonsOption = None,
    diversity: DiversityOption = None,
    calibration: CalibrationOption = None,
    popularity_debias: PopularityDebiasOption = None,
    rank_by: RankByOption = None,
    variants: VariantsOption = None,
    rules: RulesOption = None,
    settings: SetOption = None,
) -> None:
    """Score every user's unseen movies with a trained model."""
    from recengine import features as feature_stage
    from recengine import score as engine
    from recengine.models import store
    from recengine.warehouse.connection import warehouse

    options = {
        "score.top_n": top_n,
        "score.device": device,
        "score.reasons": reasons,
        "score.diversity": diversity,
        "score.calibration": calibration,
        "score.popularity_debias": popularity_debias,
        "score.rank_by": rank_by,
        "score.variants": variants,
        "score.rules": rules,
    }
    in_force = knobs(home, settings, options)
    refuse_what_cannot_be(in_force)
    with (
        alone(home, "score") as chosen,
        warehouse(chosen.warehouse) as con,
        _watched(in_force) as (on_progress, made),
    ):
        built = feature_stage.build(con, chosen)
        name = model_id or store.newest(chosen, built.fingerprint)
        engine.score(con, chosen, built.folder, name, in_force.knobs.score, on_progress, made)


@contextmanager
def _watched(in_force: InForce) -> Iterator[tuple[Any, Any]]:
    """A bar, and what makes users' tables where the knobs name an engine."""
    from recengine.engine.chosen import engine_of
    from recengine.scoring.parts import elsewhere

    with console.progress() as on_progress, engine_of(in_force.knobs.cluster) as shards:
        yield on_progress, elsewhere(shards)


def publish(
    home: HomeOption = None,
    force: ForceOption = False,
    export: ExportOption = None,
    settings: SetOption = None,
) -> None:
    """Publish the scored tables: audit them, then move the readers' link."""
    from recengine import publish as engine
    from recengine.serving.exports import check
    from recengine.warehouse.connection import warehouse

    in_force = knobs(home, settings, {"publish.exports": exports(export)})
    check(in_force.knobs.publish.exports)
    with alone(home, "publish") as chosen, warehouse(chosen.warehouse) as con, console.busy("publish"):
        report = engine.publish(con, chosen, in_force.knobs.publish, force=force)
    print(report.version)


def rollback(
    version: Annotated[str | None, typer.Argument(help="The one before the current when left out")] = None,
    home: HomeOption = None,
) -> None:
    """Bring an earlier publication back."""
    from recengine import publish as engine
    from recengine.warehouse.connection import warehouse

    with alone(home, "rollback") as chosen, warehouse(chosen.warehouse) as con:
        version = engine.rollback(con, chosen, version)
    print(version)
