"""What a night may take over from the last one, when large data has hardly changed since.

The verdict of the gate stands, and training starts from the published model, until more than
``ReuseConfig.max_changed_share`` of the ratings have come, gone or changed since the gate judged, ``max_days`` have
passed, or the code is another; then a night judges and trains from nothing again. Data smaller than
``least_ratings`` gets such a night every time, so that its tables depend on nothing but the data.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.evaluation.pricing import Price
from recengine.knobs.stages import ScoreConfig, TrainConfig
from recengine.models import store
from recengine.models.base import Model, WarmStart
from recengine.models.recipes import Recipe, same_recipe, understood
from recengine.models.registry import code_of, kind_of, path_of
from recengine.selection.candidates import challenger_of
from recengine.selection.champion import champion_of
from recengine.selection.priced import priced_of
from recengine.selection.sketch import share_gone
from recengine.selection.verdict import Selection

log = logging.getLogger(__name__)


def standing(
    home: Home, snapshot: Snapshot, config: TrainConfig, lists: ScoreConfig | None = None
) -> Selection | None:
    """The verdict that chose the published model, where it still stands; None where the gate has to judge.

    It does while the same recipe challenges under the same rules and by the same code, the data has hardly changed
    since it was judged, and that is not long ago; and it knows what the switches and rules in force cost.
    """
    champion = champion_of(home, snapshot.dataset)
    if snapshot.ratings.nnz < config.reuse.least_ratings or champion is None or champion.judged is None:
        return None
    judged = champion.judged
    changed = _changed(champion, judged.ratings, snapshot)
    asked = challenger_of(home, snapshot.dataset, config)
    prices = [Price.model_validate(price) for price in champion.prices]
    wanted = priced_of(home, lists)
    ended = _ended(champion, judged, changed, asked, config)
    if unknown := sorted(wanted - {price.what for price in prices}):
        ended = ended or f"nothing says what {', '.join(unknown)} costs"
    if ended:
        log.info("train: the verdict of %s UTC on %s ends: %s", _when(judged), champion.model_id, ended)
        return None
    return Selection(
        action="publish",
        recipe=champion.recipe,
        reason=f"The verdict of {_when(judged)} UTC for {champion.model} stands: since then the ratings grew by "
        f"{snapshot.ratings.nnz / judged.ratings - 1:.2%} and {changed:.2%} came, left or changed, no more than "
        f"{config.reuse.max_changed_share:.2%}.",
        metrics=champion.metrics,
        history=champion.history,
        judged=judged,
        sketch=champion.sketch,
        measured=champion.measured,
        continues=champion.model_id,
        prices=[price for price in prices if price.what in wanted],
    )


def foreseen(home: Home, dataset: str, ratings: int, config: TrainConfig) -> str:
    """Whether the gate would judge tonight, in a sentence, as far as can be told before the data is loaded.

    Parameters
    ----------
    ratings : int
        How many there were at the last load.
    """
    champion = champion_of(home, dataset)
    if champion is None or champion.judged is None:
        return f"The candidates are judged: no verdict on {dataset} is kept."
    if ratings < config.reuse.least_ratings:
        return f"The candidates are judged: of less than {config.reuse.least_ratings:,} ratings they are every night."
    if ended := _ended(champion, champion.judged, 0.0, challenger_of(home, dataset, config), config):
        return f"The candidates are judged: {ended}."
    return (
        f"The verdict of {_when(champion.judged)} UTC for {champion.model} stands, unless more than "
        f"{config.reuse.max_changed_share:.2%} of the ratings came, left or changed since."
    )


def _ended(
    champion: store.Manifest, judged: store.Judged, changed: float, asked: Recipe, config: TrainConfig
) -> str:
    """Why a verdict stands no longer, empty where it does."""
    reuse, age = config.reuse, store.now() - judged.at
    if reuse.from_scratch:
        return "a training from scratch is asked for"
    recipe, left_out = understood(champion.recipe)
    if recipe is None:
        return f"{champion.model} cannot be had any more"
    if {judged.code, champion.code} != {code_of(kind_of(recipe.model))}:
        return "the model's or the engine's code or a library is another"
    if judged.rules != config.rules or left_out or not same_recipe(recipe, asked):
        return "another recipe or other rules are asked for"
    if changed > reuse.max_changed_share:
        return f"{changed:.2%} of the ratings came, left or changed, more than {reuse.max_changed_share:.2%}"
    if age > timedelta(days=reuse.max_days):
        return f"it is {age.days} days old, more than {reuse.max_days}"
    return ""


def _changed(champion: store.Manifest, before: int, snapshot: Snapshot) -> float:
    """Share of the judged ratings that left or changed since, or of those that came: whichever is larger."""
    if not before or not champion.sketch:
        return 1.0
    gone = share_gone(champion.sketch, snapshot)
    came = snapshot.ratings.nnz / before - 1 + gone
    return float(max(gone, came))


def _when(judged: store.Judged) -> str:
    return f"{judged.at:%Y-%m-%d %H:%M}"


def warm_start_of(home: Home, snapshot: Snapshot, model: Model, earlier: str) -> WarmStart | None:
    """A stored model, by its id, as the start of ``model``'s fit on grown data.

    None where models of its kind begin anew, and where it is gone, of another recipe or other code, or knows users or
    movies that the data has no more.
    """
    if not model.supports_warm_start or not (home.models / earlier / "ids.safetensors").exists():
        return None
    made = store.manifest_of(home, earlier)
    asked = (path_of(type(model)), model.config.model_dump(mode="json"), code_of(type(model)))
    if (made.model, made.config, made.code) != asked:
        return None
    users, movies = store.rows_of(home, earlier)
    if not (np.isin(users, snapshot.user_ids).all() and np.isin(movies, snapshot.movie_ids).all()):
        return None
    places = _places(users, snapshot.user_ids), _places(movies, snapshot.movie_ids)
    return WarmStart(store.load(home, earlier), *places, len(users))


def _places(earlier: NDArray[np.int64], now: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each id of ``now`` stands among the ascending ids of ``earlier``; -1: nowhere."""
    nearest = np.searchsorted(earlier, now).clip(max=max(len(earlier) - 1, 0))
    return np.where(earlier[nearest] == now, nearest, -1) if len(earlier) else np.full(len(now), -1)
