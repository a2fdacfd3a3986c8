"""Train: candidates are judged on the newest ratings, the winner is refitted on all of them.

When: after features. Requires: a feature snapshot. The candidates are parallel branches of the graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from prefect import flow, task
from pydantic import Field

from flows.features import build_features
from flows.support import artifacts
from flows.support.alerts import ALERTING
from flows.support.result_cache import PER_PUBLICATION, cached
from flows.support.tasks import RETRIED, open_warehouse, run_lock
from recengine import train as training
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.knobs.stages import GateConfig, ReuseConfig, TrainConfig
from recengine.models import DEFAULT, ModelName, store
from recengine.models.recipes import Recipe
from recengine.selection import candidates as engine
from recengine.selection import reuse
from recengine.selection.candidates import Selection
from recengine.selection.judgement import Judgement


@task(name="reuse last verdict", **cached(key=PER_PUBLICATION))
def reuse_verdict(snapshot: Path, config: TrainConfig) -> Selection | None:
    """The last night's verdict, where the data is large and has hardly grown since."""
    verdict = reuse.standing(Home.at(), Snapshot.load(snapshot), config)
    if verdict:
        artifacts.judged({}, verdict)
    return verdict


def _still_judged(judgement: Judgement, parameters: dict[str, Any]) -> bool:
    return judgement.file.is_file()


@task(name="evaluate candidate", task_run_name="evaluate-{name}", **cached(_still_judged))
def evaluate(name: str, snapshot: Path, recipe: Recipe, config: TrainConfig) -> Judgement:
    """Fit one candidate on the ratings before the cut and measure its lists on those after it."""
    return engine.judge(Home.at(), snapshot, recipe, config)


@task(name="select model", **cached(key=PER_PUBLICATION))
def select(judgements: dict[str, Judgement], snapshot: Path, config: TrainConfig, force: bool) -> Selection:
    """The gate: which recipe goes on, if any, and why."""
    chosen = engine.select(judgements, config, force=force)
    chosen = engine.first_publication(Home.at(), snapshot, chosen)
    artifacts.judged(judgements, chosen)
    return chosen


def _still_stored(model_id: str, parameters: dict[str, Any]) -> bool:
    return store.manifest_of(Home.at(), model_id).model_id == model_id


@task(name="fit model", **cached(_still_stored), **RETRIED)
def fit(selection: Selection, snapshot: Path) -> str:
    """Refit the selected recipe on every rating; returns the model id."""
    model_id = training.fit(Home.at(), snapshot, selection)
    with open_warehouse() as (home, con):
        training.remember(con, home, model_id)
    artifacts.fitted(home, model_id)
    return model_id


def evaluate_and_select(snapshot: Path, config: TrainConfig, force: bool) -> Selection:
    """Evaluate every candidate in its own branch, then select; not where the last verdict stands."""
    if not force and (verdict := reuse_verdict(snapshot, config)):
        return verdict
    recipes = engine.candidates(Home.at(), snapshot, config)
    branches = {name: evaluate.submit(name, snapshot, recipe, config) for name, recipe in recipes.items()}
    return select({name: branch.result() for name, branch in branches.items()}, snapshot, config, force)


@flow(name="train", **ALERTING)
def train(
    model: ModelName = DEFAULT,
    recency: Literal["auto", "off"] = "auto",
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0,
    force: bool = False,
    gate: GateConfig = GateConfig(),
    carry: ReuseConfig = ReuseConfig(),
) -> str | None:
    """Judge the candidates and train the winner; returns its model id, none when what is published stays.

    Args:
        model: The recipe that challenges what is published
        recency: auto learns how much recent popularity counts; off ranks by all-time taste
        seed: Seed of everything random; the same seed gives the same tables
        force: Train the challenger even if it is not good enough to publish
        gate: When a challenger is good enough
        carry: When the last verdict stands and training starts from the published model
    """
    config = TrainConfig(model=model, recency=recency, seed=seed, gate=gate, reuse=carry)
    with run_lock():
        snapshot = build_features("what the warehouse holds").folder
        selection = evaluate_and_select(snapshot, config, force)
        return fit(selection, snapshot) if selection.action == "publish" else None
