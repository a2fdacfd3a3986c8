"""The night: ingest, features, candidates judged side by side, the winner refitted, scored, published.

When: by schedule, or by hand. Requires: a dataset by name, or a folder or zip that the worker can read.
Ends early, and says so, when nothing changed since the last decision.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows import request as engine
from flows.features import build_features
from flows.ingest import ingest_files
from flows.publish import publish_tables
from flows.score import score_users
from flows.support import alerts, artifacts
from flows.support.alerts import ALERTING
from flows.support.cancellation import stop_if_cancelled
from flows.support.result_cache import UNCACHED, cached
from flows.support.tasks import open_warehouse, run_lock
from flows.train import evaluate_and_select, fit
from recengine.config import Home, NightDataset
from recengine.knobs.stages import (
    GateConfig,
    IngestConfig,
    PublishConfig,
    RetentionConfig,
    ReuseConfig,
    ScoreConfig,
    TrainConfig,
)
from recengine.models import DEFAULT, ModelName
from recengine.selection.candidates import Selection
from recengine.serving import continuity, report
from recengine.serving.continuity import Night, named
from recengine.serving.retention import RetentionReport, prune
from recengine.warehouse.history.loads import LoadReport


def _same_answer(changed: bool, parameters: dict[str, Any]) -> bool:
    return bool(check_for_changes.fn(**parameters) == changed)


@task(name="check for changes", **cached(_same_answer))
def check_for_changes(load: LoadReport, request: str) -> bool:
    """Whether the last decision was about other data or another request."""
    with open_warehouse() as (home, con):
        return not engine.already_answered(con, home, request, load.input_fingerprint)


@task(name="keep published tables", **UNCACHED)
def keep_published(load: LoadReport, selection: Selection, request: str) -> str:
    """Note that the published tables stay, and why."""
    stop_if_cancelled()
    with open_warehouse() as (_, con):
        engine.remember_kept(con, load.dataset, load.input_fingerprint, selection, request)
    alerts.kept(load, selection.reason)
    return selection.reason


@task(name="clean up", **UNCACHED)
def clean_up(retention: RetentionConfig) -> RetentionReport:
    """Throw away what is older than the settings say."""
    with open_warehouse() as (home, con):
        return prune(con, home, retention)


@task(name="write report", **UNCACHED)
def write_report(version: str) -> str:
    """The morning's page under ``reports/``, and the same in short as an artifact."""
    with open_warehouse() as (home, con):
        page = report.write(con, home)
        artifacts.summarised(report.gather(con, home), page)
    return str(page)


@flow(name="nightly", **ALERTING)
def nightly(
    dataset: NightDataset = "published",
    source: str | None = None,
    top_n: Annotated[int, Field(ge=1, le=1000)] = 10,
    model: ModelName = DEFAULT,
    recency: Literal["auto", "off"] = "auto",
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0,
    force: bool = False,
    keep_versions: Annotated[int, Field(ge=1, le=1000)] = 5,
    limits: IngestConfig = IngestConfig(),
    gate: GateConfig = GateConfig(),
    carry: ReuseConfig = ReuseConfig(),
    retention: RetentionConfig = RetentionConfig(),
) -> State[Any]:
    """From MovieLens files to published top-N tables.

    Args:
        dataset: demo is generated on the spot, releases are downloaded once; published goes on with what is published
        source: Folder or zip of your own instead, as the worker sees it
        top_n: Recommendations per user
        model: The recipe that challenges what is published
        recency: auto learns how much recent popularity counts; off ranks by all-time taste
        seed: Seed of everything random; the same seed gives the same tables
        force: Run although nothing changed, and publish against gate and guard or over another dataset
        keep_versions: Published versions to keep for rollback
        limits: What the load accepts
        gate: When a challenger is good enough
        carry: When the last verdict stands and training starts from the published model
        retention: What is kept after the night
    """
    training = TrainConfig(model=model, recency=recency, seed=seed, gate=gate, reuse=carry)
    publishing = PublishConfig(keep_versions=keep_versions)
    chosen_top_n = None if top_n == ScoreConfig().top_n else top_n
    asked = Night(dataset=named(dataset), source=source, limits=limits, top_n=chosen_top_n)
    with run_lock():
        with open_warehouse() as (home, con):
            night = continuity.going_on(con, home, asked)
        state = _night(night, training, publishing, force)
        clean_up(retention, return_state=True)  # what fails after the night is red, not the night
        return state


def _night(night: Night, training: TrainConfig, publishing: PublishConfig, force: bool) -> State[Any]:
    scoring = ScoreConfig(top_n=night.top_n) if night.top_n else ScoreConfig()
    request = engine.request_of(training, scoring)
    load = ingest_files(night.dataset, night.source, night.limits, force)
    always = force or training.reuse.from_scratch
    if not always and not check_for_changes(load, request):
        return Completed(name="Unchanged", message=f"{load.dataset} is as it was: the published tables stay.")
    snapshot = build_features(load.input_fingerprint).folder
    selection = evaluate_and_select(snapshot, training, force)
    if selection.action == "keep":
        return Completed(name="Kept", message=keep_published(load, selection, request))
    model_id = fit(selection, snapshot)
    score_users(model_id, snapshot, scoring)
    published = publish_tables(model_id, publishing, selection.reason, request, force)
    continuity.remember(Home.at(), published.dataset, night)
    write_report(published.version, return_state=True)
    return Completed(name="Published", message=f"Version {published.version}: {selection.reason}")
