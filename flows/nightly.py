"""The night: ingest, features, rules looked at, tuning, candidates judged, the winner refitted, scored, published.

When: by schedule, or by hand. Requires: a dataset by name, or a folder or zip that the worker can read.
Ends early, and says so, when nothing changed since the last decision.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import request as engine
from flows.features import build_features
from flows.ingest import ingest_files
from flows.publish import publish_tables
from flows.score import check_rules, score_users
from flows.support import alerts, artifacts, endings
from flows.support.cancellation import stop_if_cancelled
from flows.support.form import form
from flows.support.progress import stage
from flows.support.result_cache import UNCACHED, cached
from flows.support.tasks import open_warehouse, run_lock
from flows.train import evaluate_and_select, fit
from flows.tune import tune_recipe
from recengine.config import Home, NightDataset
from recengine.engine.chosen import check as check_engine
from recengine.knobs.sources import DEFAULT, InForce, Knobs, told_where
from recengine.knobs.stages import RetentionConfig
from recengine.selection.candidates import asked_recipe
from recengine.selection.verdict import Selection
from recengine.serving import continuity, monitoring, report
from recengine.serving.continuity import Night, named
from recengine.serving.monitoring import Watch
from recengine.serving.retention import RetentionReport, prune
from recengine.variety.variants import variants_of
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
def write_report(version: str, seconds: dict[str, float]) -> str:
    """The morning's page under ``reports/``, and the same in short as an artifact."""
    with stage("report"), open_warehouse() as (home, con):
        page = report.write(con, home, seconds=seconds)
        artifacts.summarised(report.gather(con, home), page)
    return str(page)


@form(
    "nightly",
    "score.top_n",
    "train.model",
    "train.recency",
    "train.seed",
    "train.knobs",
    "train.device",
    "cluster.engine",
    "cluster.ray_address",
    "train.holdout_share",
    "train.judged_ratings",
    "score.similar_n",
    "score.genre_n",
    "score.reasons",
    "score.diversity",
    "score.calibration",
    "score.popularity_debias",
    "score.rank_by",
    "score.variants",
    "score.rules",
    "score.rule_parameters",
    "publish.popular_rows",
    "publish.popular_prior_users",
    "publish.ratings",
    "publish.exports",
    "publish.keep_versions",
    "ingest",
    "tune.first_night",
    "train.gate",
    "train.reuse",
    "publish.guard",
    "retention",
)
def nightly(
    dataset: NightDataset = "published", source: str | None = None, *, in_force: InForce, force: bool = False
) -> State[Any]:
    """From MovieLens files to published top-N tables.

    Args:
        dataset: demo is generated on the spot, releases are downloaded once; published goes on with what is published
        source: Folder or zip of your own instead, as the worker sees it
        force: Run although nothing changed, and publish against gate and guard or over another dataset
    """
    with told_where(in_force):
        asked_recipe(in_force.knobs.train)
        variants_of(in_force.knobs.train.model, in_force.knobs.score)
    check_engine(in_force.knobs.cluster)
    top_n = None if in_force.origin("score.top_n") == DEFAULT else in_force.knobs.score.top_n
    asked = Night(dataset=named(dataset), source=source, limits=in_force.knobs.ingest, top_n=top_n)
    with run_lock(), monitoring.watched(Home.at()) as watch:
        with open_warehouse() as (home, con):
            night = continuity.going_on(con, home, asked)
        endings.tell(seconds=watch.seconds)
        state = _night(night, in_force.knobs, watch, force)
        clean_up(
            in_force.knobs.retention, return_state=True
        )  # what fails after the night is red, not the night
        watch.lap("clean up")
        return state


def _night(night: Night, knobs: Knobs, watch: Watch, force: bool) -> State[Any]:
    training, scoring = knobs.train, knobs.score
    if night.top_n:
        scoring = scoring.model_copy(update={"top_n": night.top_n})
    load = ingest_files(night.dataset, night.source, night.limits, force)
    watch.lap("ingest")
    endings.tell(dataset=load.dataset, ratings=load.ratings)
    asked = partial(engine.request_of, Home.at(), load.dataset, training, scoring, knobs.publish)
    request = asked()
    always = force or training.reuse.from_scratch
    if not always and not check_for_changes(load, request):
        return Completed(name="Unchanged", message=f"{load.dataset} is as it was: the published tables stay.")
    snapshot = build_features(load.input_fingerprint).folder
    watch.lap("features")
    rules = check_rules(snapshot, scoring)
    tune_recipe(snapshot, knobs.tune, training, first=True, return_state=True)  # a red one costs no night
    watch.lap("tune")
    request = asked()  # with what that found
    selection = evaluate_and_select(snapshot, training, scoring, rules, force)
    watch.lap("select")
    if selection.action == "keep":
        return Completed(name="Kept", message=keep_published(load, selection, request))
    model_id = fit(selection, snapshot, training.device, knobs.cluster)
    watch.lap("fit")
    score_users(model_id, snapshot, scoring, rules, knobs.cluster)
    watch.lap("score")
    published = publish_tables(model_id, knobs.publish, selection.reason, request, force)
    watch.lap("publish")
    continuity.remember(Home.at(), published.dataset, night)
    write_report(published.version, dict(watch.seconds), return_state=True)
    watch.lap("report")
    return Completed(name="Published", message=f"Version {published.version}: {selection.reason}")
