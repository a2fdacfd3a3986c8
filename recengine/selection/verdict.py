"""The verdict: which of the judged candidates goes on tonight, and why.

``select`` asks the gate for a winner, and ``first_publication`` says what becomes of what is published where there is
none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.evaluation.pricing import Price
from recengine.knobs.stages import TrainConfig
from recengine.models import store
from recengine.models.recipes import Recipe
from recengine.models.registry import code_of, kind_of
from recengine.models.store import Judged, Measurement
from recengine.selection import judgement
from recengine.selection.champion import champion_of, recipe_of
from recengine.selection.gate import POPULARITY, Decision, decide
from recengine.selection.judgement import Judgement
from recengine.serving.versions import current_publication


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
    prices: list[Price] = []  # of what makes lists other than the model's best scores

    @property
    def figures(self) -> dict[str, Any]:
        """The metrics, and when and on what they were measured."""
        return store.figures_of(self.metrics, self.measured)


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
    elif (seen := current_publication(home)) is None or seen.dataset != dataset:
        so_far = f"{seen.dataset} is published, and nothing of {dataset}" if seen else "Nothing is published"
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
        prices=chosen.prices,
        unjudged=not chosen.metrics,
        anew=config.reuse.from_scratch,
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
