"""Selection: which recipe goes on tonight, by evidence from the newest ratings.

``judge`` each candidate on what is newest, ``select`` a winner by the gate, and let ``first_publication`` say what
becomes of what is published where there is none. Nothing that judges a candidate takes part in its training.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from recengine.config import Home, StageConfig
from recengine.dataset import Snapshot
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.slices import slices_of
from recengine.evaluation.splits import sample_users
from recengine.models import DEFAULT, ModelName, store
from recengine.models.base import OnProgress, silent
from recengine.models.recipes import Recipe, checked_knobs, recipe_for, same_recipe
from recengine.models.registry import code_of, kind_of
from recengine.models.store import Judged, Measurement
from recengine.selection import judgement
from recengine.selection.champion import champion_of, published_by, recipe_of
from recengine.selection.gate import POPULARITY, Decision, GateConfig, decide
from recengine.selection.judgement import Judgement

log = logging.getLogger(__name__)


class CarryConfig(BaseModel):
    """What a night may take over from the last one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    least_ratings: int = Field(
        5_000_000, ge=0, le=10**10, description="Smaller data is judged and trained from nothing every night"
    )
    growth: float = Field(
        0.01,
        ge=0,
        le=0.1,
        description="Share of the ratings that may have come, gone or changed since the verdict",
    )
    days: int = Field(
        30, ge=0, le=3650, description="Days after which the gate judges again whatever has changed"
    )
    from_scratch: bool = Field(
        False, description="Judge and train anew, whatever the size and what is stored"
    )


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
        description="Newest share of the ratings that judges the candidates, and share of each slice before it",
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
    knobs: dict[str, Any] = Field(
        {},
        description='The model\'s own knobs where they are not to be the defaults, such as {"ridge": 500}',
        json_schema_extra={"position": 7},
    )

    @field_validator("knobs")
    @classmethod
    def _are_the_models(cls, knobs: dict[str, Any], rest: ValidationInfo) -> dict[str, Any]:
        if doubled := knobs.keys() & {"seed", "recency"}:
            raise ValueError(f"{', '.join(sorted(doubled))} stands beside the model's knobs, not among them")
        return checked_knobs(rest.data["model"], knobs, "train.knobs") if "model" in rest.data else knobs

    @property
    def rules(self) -> str:
        """How candidates are judged, as canonical JSON."""
        return json.dumps(
            self.model_dump(mode="json", exclude={"carry", "model", "recency", "knobs"}), sort_keys=True
        )


class Selection(BaseModel):
    """Which recipe goes on, and why."""

    action: Literal["publish", "keep"]
    recipe: Recipe
    reason: str
    metrics: dict[str, float | None]
    history: list[dict[str, float]] = []
    judged: Judged | None = None
    sketch: str = ""  # of the ratings that were judged, where those are not tonight's
    measured: Measurement | None = None
    continues: str | None = None  # the model that training starts from
    unjudged: bool = False  # nothing could be held out
    anew: bool = False  # train although such a model is stored

    @property
    def figures(self) -> dict[str, Any]:
        """The metrics, and when and on what they were measured."""
        return store.figures_of(self.metrics, self.measured)


def challenger_of(config: TrainConfig) -> Recipe:
    """The recipe a config asks for."""
    return recipe_for(config.model, seed=config.seed, recency=config.recency, **config.knobs)


def candidates(home: Home, snapshot_folder: Path, config: TrainConfig) -> dict[str, Recipe]:
    """What is judged tonight: "challenger", "popularity", and "champion" where its recipe is another one."""
    challenger = challenger_of(config)
    found = {"challenger": challenger, "popularity": Recipe(model=POPULARITY)}
    champion = champion_of(home, Snapshot.load(snapshot_folder).dataset)
    if champion is None or champion.model == POPULARITY:
        return found
    recipe, said = recipe_of(champion)
    if said:
        log.warning("train: %s", said)
    if recipe is not None and not same_recipe(recipe, challenger):
        found["champion"] = recipe
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
    """Fit a recipe on what is not held out, and measure its lists on what is."""
    gate, snapshot = config.gate, Snapshot.load(snapshot_folder)
    return judgement.made(
        home,
        snapshot,
        recipe,
        slices_of(
            sample_users(snapshot, config.judged_ratings, config.seed),
            config.holdout_share,
            gate.min_users,
            config.seed,
        ),
        metric=gate.metric,
        bootstrap=Bootstrap(draws=200, seed=gate.seed, confidence=gate.confidence),
        device=device,
        on_progress=on_progress,
    )


def select(judgements: dict[str, Judgement], config: TrainConfig, *, force: bool = False) -> Selection:
    """The gate: which recipe is published, if any.

    A model that popularity is significantly better than is out. Of challenger and champion the champion's recipe goes
    on, rescored on the new data, unless the challenger is significantly better or the champion is out. Where both are
    out, nothing is selected; nor where nothing could be judged, except popularity if that is asked for.
    """
    challenger, popularity = judgements["challenger"], judgements["popularity"]
    champion = judgements.get("champion")
    if not challenger.metrics:
        return _unjudged(challenger, popularity, config, force)
    out = ""
    if champion is not None and not (fallback := _decide(champion, None, popularity, config)).publish:
        out, champion = f" The champion's recipe is out: {fallback.reason}", None
    verdict = _decide(challenger, champion, popularity, config)
    if verdict.publish or force:
        reason = verdict.reason if verdict.publish else f"Forced: {verdict.reason}"
        return _selected("publish", challenger, f"{reason}{out}", config, verdict.publish)
    if champion is not None:
        reason = f"{verdict.reason} The champion's recipe goes on instead."
        return _selected("publish", champion, reason, config)
    return _selected("keep", popularity, f"{verdict.reason}{out}", config)


def _unjudged(challenger: Judgement, popularity: Judgement, config: TrainConfig, force: bool) -> Selection:
    why = f"could be judged on {challenger.judged_on}"
    if force:
        return _selected("publish", challenger, f"Forced: {challenger.recipe.model} {why}.", config)
    if challenger.recipe.model == POPULARITY:
        return _selected("publish", challenger, f"popularity published: it {why}.", config)
    return _selected("keep", popularity, f"{challenger.recipe.model} not published: it {why}.", config)


def first_publication(home: Home, snapshot_folder: Path, selection: Selection) -> Selection:
    """What becomes of what is published where the gate selected nothing.

    Popularity is published where nothing of this dataset is yet, and goes on where it is the champion. Where nothing
    could be judged, the champion's recipe goes on. Else what is published stays.
    """
    dataset = Snapshot.load(snapshot_folder).dataset
    champion = champion_of(home, dataset)
    recipe, said = recipe_of(champion) if champion is not None else (None, "")
    reason, change = f"{selection.reason} {said}".rstrip(), dict[str, Any]()
    if selection.action == "publish":
        pass
    elif (published := published_by(home)[0]) != dataset:
        so_far = (
            f"{published} is published, and nothing of {dataset}" if published else "Nothing is published"
        )
        reason, change = f"{reason} {so_far} yet, so popularity is.", {"action": "publish"}
    elif recipe is not None and (recipe.model == POPULARITY or selection.unjudged):
        reason = f"{reason} The champion's recipe, {recipe.model}, goes on instead."
        change = {"action": "publish", "recipe": recipe}
    return selection.model_copy(update={"reason": reason} | change)


def _selected(
    action: Literal["publish", "keep"],
    chosen: Judgement,
    reason: str,
    config: TrainConfig,
    passed: bool = False,
) -> Selection:
    """Later nights may refer to the verdict of a challenger that passed."""
    code = code_of(kind_of(chosen.recipe.model))
    judged = Judged(at=store.now(), ratings=chosen.ratings, rules=config.rules, code=code)
    return Selection(
        action=action,
        recipe=chosen.recipe,
        reason=reason,
        metrics=dict(chosen.metrics),
        history=chosen.history,
        judged=judged if passed else None,
        measured=chosen.measured,
        unjudged=not chosen.metrics,
        anew=config.carry.from_scratch,
    )


def _decide(
    challenger: Judgement, champion: Judgement | None, popularity: Judgement, config: TrainConfig
) -> Decision:
    return decide(
        judgement.evaluation_of(challenger),
        judgement.evaluation_of(champion) if champion is not None else None,
        judgement.evaluation_of(popularity),
        config.gate,
        challenger.judged_on,
    )
