"""Train: candidates are judged on the newest ratings, the winner is refitted on all of them.

When: after features. Requires: a feature snapshot. The candidates are parallel branches of the graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import task

from flows.features import build_features
from flows.score import check_rules
from flows.support import artifacts
from flows.support.form import form
from flows.support.progress import stage
from flows.support.result_cache import PER_PUBLICATION, cached
from flows.support.tasks import RETRIED, open_warehouse, run_lock
from recengine import train as training
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.engine.chosen import engine_of
from recengine.knobs.sources import InForce, told_where
from recengine.knobs.stages import ClusterConfig, Device, ScoreConfig, TrainConfig
from recengine.models import store
from recengine.models.recipes import Recipe
from recengine.runtime.devices import resolved
from recengine.selection import candidates as engine
from recengine.selection import reuse, verdict
from recengine.selection.judgement import Judgement
from recengine.selection.verdict import Selection


@task(name="reuse last verdict", **cached(key=PER_PUBLICATION))
def reuse_verdict(snapshot: Path, config: TrainConfig, lists: ScoreConfig, rules: str) -> Selection | None:
    """The last night's verdict, where the data is large and has hardly grown since."""
    reused = reuse.standing(Home.at(), Snapshot.load(snapshot), config, lists)
    if reused:
        artifacts.judged({}, reused)
    return reused


def _still_judged(judgement: Judgement, parameters: dict[str, Any]) -> bool:
    return judgement.file.is_file()


@task(name="judge candidate", task_run_name="judge-{name}", **cached(_still_judged))
def evaluate(
    name: str, snapshot: Path, recipe: Recipe, config: TrainConfig, lists: ScoreConfig, rules: str
) -> Judgement:
    """Fit one candidate on the ratings before the cut and measure its lists on those after it."""
    with stage(f"judge {name}") as on_progress:
        return engine.judge(Home.at(), snapshot, recipe, config, lists, on_progress=on_progress)


@task(name="select model", **cached(key=PER_PUBLICATION))
def select(judgements: dict[str, Judgement], snapshot: Path, config: TrainConfig, force: bool) -> Selection:
    """The gate: which recipe goes on, if any, and why."""
    chosen = verdict.select(judgements, config, force=force)
    chosen = verdict.first_publication(Home.at(), snapshot, chosen)
    artifacts.judged(judgements, chosen)
    return chosen


def _still_stored(model_id: str, parameters: dict[str, Any]) -> bool:
    return store.manifest_of(Home.at(), model_id).model_id == model_id


@task(name="fit model", **cached(_still_stored), **RETRIED)
def fit(selection: Selection, snapshot: Path, device: Device, cluster: ClusterConfig) -> str:
    """Refit the selected recipe on every rating; returns the model id."""
    with stage("fit") as on_progress, engine_of(cluster) as shards:
        model_id = training.fit(
            Home.at(), snapshot, selection, device=resolved(device), on_progress=on_progress, engine=shards
        )
    with open_warehouse() as (home, con):
        training.remember(con, home, model_id)
    artifacts.fitted(home, model_id)
    return model_id


def evaluate_and_select(
    snapshot: Path, config: TrainConfig, lists: ScoreConfig, rules: str, force: bool
) -> Selection:
    """Evaluate every candidate in its own branch, then select; not where the last verdict stands."""
    if not force and (reused := reuse_verdict(snapshot, config, lists, rules)):
        return reused
    recipes = engine.candidates(Home.at(), snapshot, config)
    branches = {
        name: evaluate.submit(name, snapshot, recipe, config, lists, rules)
        for name, recipe in recipes.items()
    }
    return select({name: branch.result() for name, branch in branches.items()}, snapshot, config, force)


@form(
    "train",
    "train.model",
    "train.recency",
    "train.seed",
    "train.knobs",
    "train.device",
    "cluster.engine",
    "cluster.ray_address",
    "train.holdout_share",
    "train.judged_ratings",
    "train.gate",
    "train.reuse",
)
def train(*, in_force: InForce, force: bool = False) -> str | None:
    """Judge the candidates and train the winner; returns its model id, none when what is published stays.

    Args:
        force: Train the challenger even if it is not good enough to publish
    """
    config = in_force.knobs.train
    with told_where(in_force):
        engine.asked_recipe(config)
    with run_lock():
        snapshot = build_features("what the warehouse holds").folder
        lists = in_force.knobs.score
        selection = evaluate_and_select(snapshot, config, lists, check_rules(snapshot, lists), force)
        if selection.action != "publish":
            return None
        return fit(selection, snapshot, config.device, in_force.knobs.cluster)
