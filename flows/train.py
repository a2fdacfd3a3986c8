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
from flows.support.alerts import LOUD
from flows.support.kept import BY_WHAT_IS_PUBLISHED, kept
from flows.support.tasks import RETRIED, alone, opened
from recengine import train as training
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.models import DEFAULT, ModelName, store
from recengine.models.store import Recipe
from recengine.selection import candidates as engine
from recengine.selection import reuse as continuing
from recengine.selection.candidates import CarryConfig, Judgement, Selection, TrainConfig
from recengine.selection.gate import GateConfig


@task(name="standing verdict", **kept(by=BY_WHAT_IS_PUBLISHED))
def standing(snapshot: Path, config: TrainConfig) -> Selection | None:
    """The last night's verdict, where the data is large and has hardly grown since."""
    verdict = continuing.standing(Home.at(), Snapshot.load(snapshot), config)
    if verdict:
        artifacts.judged({}, verdict)
    return verdict


def _still_judged(judgement: Judgement, given: dict[str, Any]) -> bool:
    return judgement.file.is_file()


@task(name="judge", task_run_name="judge-{name}", **kept(_still_judged))
def judge(name: str, snapshot: Path, recipe: Recipe, config: TrainConfig) -> Judgement:
    """Fit one candidate on the ratings before the cut and measure its lists on those after it."""
    return engine.judge(Home.at(), snapshot, recipe, config)


@task(name="select", **kept(by=BY_WHAT_IS_PUBLISHED))
def select(judgements: dict[str, Judgement], snapshot: Path, config: TrainConfig, force: bool) -> Selection:
    """The gate: which recipe goes on, if any, and why."""
    chosen = engine.select(judgements, config, force=force)
    chosen = engine.first_publication(Home.at(), snapshot, chosen)
    artifacts.judged(judgements, chosen)
    return chosen


def _still_stored(model_id: str, given: dict[str, Any]) -> bool:
    return store.manifest_of(Home.at(), model_id).model_id == model_id


@task(name="fit", **kept(_still_stored), **RETRIED)
def fit(selection: Selection, snapshot: Path) -> str:
    """Refit the selected recipe on every rating; returns the model id."""
    model_id = training.fit(Home.at(), snapshot, selection)
    with opened() as (home, con):
        training.remember(con, home, model_id)
    artifacts.fitted(home, model_id)
    return model_id


def choose(snapshot: Path, config: TrainConfig, force: bool) -> Selection:
    """Judge every candidate in its own branch, then select; not where the last verdict stands."""
    if not force and (verdict := standing(snapshot, config)):
        return verdict
    recipes = engine.candidates(Home.at(), snapshot, config)
    branches = {name: judge.submit(name, snapshot, recipe, config) for name, recipe in recipes.items()}
    return select({name: branch.result() for name, branch in branches.items()}, snapshot, config, force)


@flow(name="train", **LOUD)
def train(
    model: ModelName = DEFAULT,
    recency: Literal["auto", "off"] = "auto",
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0,
    force: bool = False,
    gate: GateConfig = GateConfig(),
    carry: CarryConfig = CarryConfig(),
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
    config = TrainConfig(model=model, recency=recency, seed=seed, gate=gate, carry=carry)
    with alone():
        snapshot = build_features("what the warehouse holds").folder
        selection = choose(snapshot, config, force)
        return fit(selection, snapshot) if selection.action == "publish" else None
