"""Selection: which recipe goes on tonight, by evidence from the newest slice of ratings.

``judge`` each candidate on the data before the time cut, then ``select`` a winner by the gate. Nothing after
the cut takes part in training.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from recengine.config import Home, StageConfig
from recengine.errors import BadInput
from recengine.evaluation import evaluate as evaluation
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.gate import Decision, GateConfig, decide
from recengine.evaluation.splits import Split, leave_one_out, sample_users, temporal
from recengine.models import DEFAULT, MODELS, ModelName, make, store
from recengine.models.base import OnProgress, silent
from recengine.models.store import Judged, Recipe
from recengine.snapshot import Snapshot
from recengine.versions import current_version
from recengine.warehouse.connection import published

log = logging.getLogger(__name__)


class CarryConfig(BaseModel):
    """What a night may take over from the last one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    least_ratings: int = Field(
        5_000_000, ge=0, le=10**10, description="Smaller data is judged and trained from nothing every night"
    )
    growth: float = Field(0.01, ge=0, le=0.1, description="Share by which the ratings may have grown since")
    from_scratch: bool = Field(False, description="Judge and train from nothing whatever the size")


class TrainConfig(StageConfig):
    """Which recipe challenges, and how it is judged."""

    model: ModelName = Field(
        DEFAULT, description="The recipe that challenges what is published", json_schema_extra={"position": 0}
    )
    recency: Literal["auto", "off"] = Field(
        "auto",
        description="auto learns how much recent popularity counts; off ranks by all-time taste",
        json_schema_extra={"position": 1},
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        description="Seed of everything random; the same seed gives the same tables",
        json_schema_extra={"position": 2},
    )
    holdout_share: float = Field(
        0.2,
        gt=0,
        lt=0.5,
        description="Newest share of the ratings that judges the candidates",
        json_schema_extra={"position": 3},
    )
    judged_ratings: int = Field(
        1_000_000,
        ge=1000,
        description="Ratings that candidates are judged on: of larger data, those of a random sample of users",
        json_schema_extra={"position": 4},
    )
    gate: GateConfig = Field(
        GateConfig(), description="When a challenger may be published", json_schema_extra={"position": 5}
    )
    carry: CarryConfig = Field(
        CarryConfig(),
        description="When the last verdict stands and training starts from the published model",
        json_schema_extra={"position": 6},
    )

    @property
    def rules(self) -> str:
        """How candidates are judged, as canonical JSON."""
        return json.dumps(self.model_dump(mode="json", exclude={"carry", "model", "recency"}), sort_keys=True)


class Judgement(BaseModel):
    """A recipe's figures on the newest slice; the per-user vectors lie in ``file``."""

    recipe: Recipe
    description: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    history: list[dict[str, float]] = []
    seconds: float
    ratings: int
    file: Path


class Selection(BaseModel):
    """Which recipe goes on, and why."""

    action: Literal["publish", "keep"]
    recipe: Recipe
    reason: str
    metrics: dict[str, float | None]
    history: list[dict[str, float]] = []
    judged: Judged | None = None
    continues: str | None = None  # the model that training starts from


def challenger_of(config: TrainConfig) -> Recipe:
    """The recipe a config asks for."""
    fields = MODELS[config.model].Config.model_fields
    asked = {"seed": config.seed, "recency": config.recency}
    return Recipe(model=config.model, config={name: value for name, value in asked.items() if name in fields})


def champion_of(home: Home, dataset: str) -> store.Manifest | None:
    """The model that is published, None when that is another dataset's or nothing.

    A version that was rolled back to counts: it is what readers see.
    """
    published_dataset, model_id = _published(home)
    if published_dataset != dataset or not (home.models / model_id).exists():
        return None
    return store.manifest_of(home, model_id)


def candidates(home: Home, snapshot_folder: Path, config: TrainConfig) -> dict[str, Recipe]:
    """What is judged tonight: "challenger", "popularity", and "champion" where its recipe is another one."""
    challenger = challenger_of(config)
    found = {"challenger": challenger, "popularity": Recipe(model="popularity")}
    champion = champion_of(home, Snapshot.load(snapshot_folder).dataset)
    if (
        champion is not None
        and champion.model != "popularity"
        and not same_recipe(champion.recipe, challenger)
    ):
        found["champion"] = champion.recipe
    return found


def judge(
    home: Home,
    snapshot_folder: Path,
    recipe: Recipe,
    config: TrainConfig,
    *,
    device: str = "cpu",
    on_progress: OnProgress = silent,
) -> Judgement:
    """Fit a recipe on the ratings before the cut and measure its lists on those after it."""
    began = time.perf_counter()
    snapshot = Snapshot.load(snapshot_folder)
    split = split_of(snapshot, config)
    model = make(recipe.model, **recipe.config).lighter()
    result = evaluation.evaluate(
        model.fit(split.train, device=device, on_progress=on_progress),
        split,
        ks=sorted({10, int(config.gate.metric.rpartition("@")[2])}),
        bootstrap=Bootstrap(draws=200, seed=config.gate.seed, confidence=config.gate.confidence),
        on_progress=on_progress,
    )
    file = home.models / "judgements" / f"{store.id_of(model, split.train)}.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, users=result.users, **result.per_user)  # type: ignore[arg-type]
    judgement = Judgement(
        recipe=recipe,
        description=result.description,
        metrics=result.metrics,
        intervals=result.intervals,
        history=model.history,
        seconds=time.perf_counter() - began,
        ratings=snapshot.ratings.nnz,
        file=file,
    )
    metric = config.gate.metric
    log.info(
        "train: judged %s, %s %.4f on %s users in %.2f s",
        recipe.model,
        metric,
        judgement.metrics[metric],
        f"{len(result.users):,}",
        judgement.seconds,
    )
    return judgement


def split_of(snapshot: Snapshot, config: TrainConfig) -> Split:
    """The newest slice of all ratings; where no user has ratings on both sides of it, each user's newest."""
    snapshot = sample_users(snapshot, config.judged_ratings, config.seed)
    times = snapshot.rated_at
    if len(np.unique(times)) < 2:
        return leave_one_out(snapshot)
    split = temporal(snapshot, config.holdout_share)
    return split if len(split.known_users) else leave_one_out(snapshot)


def select(judgements: dict[str, Judgement], config: TrainConfig, *, force: bool = False) -> Selection:
    """The gate: which recipe is published, if any.

    The challenger goes on if it beats popularity and is no worse than the champion beyond the tolerance.
    Else the champion's recipe does, rescored on the new data, if it still beats popularity. Else what is
    published stays; where nothing is, popularity is published.
    """
    challenger, popularity = judgements["challenger"], judgements["popularity"]
    champion = judgements.get("champion")
    verdict = _decide(challenger, champion, popularity, config)
    if verdict.publish or force:
        reason = verdict.reason if verdict.publish else f"Forced: {verdict.reason}"
        return _selected("publish", challenger, reason, config if verdict.publish else None)
    if champion is not None:
        rescored = _decide(champion, None, popularity, config)
        if rescored.publish:
            reason = f"{verdict.reason} The champion's recipe goes on instead."
            return _selected("publish", champion, reason)
    return _selected("keep", popularity, verdict.reason)


def first_publication(home: Home, snapshot_folder: Path, selection: Selection) -> Selection:
    """Popularity goes on where the gate keeps nothing better than it.

    Where nothing of this dataset is published yet, popularity is better than no table at all; where
    popularity is the champion, its recipe goes on, rescored on the new data.
    """
    if selection.action == "publish":
        return selection
    dataset = Snapshot.load(snapshot_folder).dataset
    champion = champion_of(home, dataset)
    if _published(home)[0] != dataset:
        why = "Nothing is published yet, so popularity is."
    elif champion is not None and champion.model == "popularity":
        why = "The champion's recipe, popularity, goes on instead."
    else:
        return selection
    return selection.model_copy(update={"action": "publish", "reason": f"{selection.reason} {why}"})


def _published(home: Home) -> tuple[str, str]:
    """Dataset and model id of what readers see, empty where they see nothing."""
    if current_version(home) is None:
        return "", ""
    with published(home.serving_link) as readers:
        [found] = readers.execute("SELECT dataset, model_id FROM publication").fetchall()
    return found


def same_recipe(one: Recipe, other: Recipe) -> bool:
    return make(one.model, **one.config).config == make(other.model, **other.config).config


def _selected(
    action: Literal["publish", "keep"], judgement: Judgement, reason: str, config: TrainConfig | None = None
) -> Selection:
    """With the config, later nights may refer to this verdict."""
    return Selection(
        action=action,
        recipe=judgement.recipe,
        reason=reason,
        metrics=dict(judgement.metrics),
        history=judgement.history,
        judged=config and Judged(at=store.now(), ratings=judgement.ratings, rules=config.rules),
    )


def _decide(
    challenger: Judgement, champion: Judgement | None, popularity: Judgement, config: TrainConfig
) -> Decision:
    return decide(
        _evaluation(challenger),
        _evaluation(champion) if champion is not None else None,
        _evaluation(popularity),
        config.gate,
    )


def _evaluation(judgement: Judgement) -> evaluation.Evaluation:
    if not judgement.file.exists():
        raise BadInput(f"{judgement.file} is gone; run the training again from its start.")
    with np.load(judgement.file) as stored:
        vectors = {name: stored[name] for name in stored.files}
    return evaluation.Evaluation(
        model=judgement.recipe.model,
        protocol="temporal",
        description=judgement.description,
        metrics=judgement.metrics,
        intervals=judgement.intervals,
        users=vectors.pop("users"),
        per_user=vectors,
        counts={},
        seconds={},
        confidence=0.95,
    )
