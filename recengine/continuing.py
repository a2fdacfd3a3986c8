"""What a night may take over from the last one, when large data has hardly changed since.

The verdict of the gate stands, and training starts from the published model, until the ratings have grown by more
than ``CarryConfig.growth`` since the gate judged; then a night judges and trains from nothing again. Data smaller
than ``least_ratings`` gets such a night every time, so that its tables depend on nothing but the data.
"""

from __future__ import annotations

import numpy as np

from recengine import __version__
from recengine.config import Home
from recengine.models import store
from recengine.models.base import Model, Start
from recengine.selection import Selection, TrainConfig, challenger_of, champion_of, same_recipe
from recengine.snapshot import Snapshot


def standing(home: Home, snapshot: Snapshot, config: TrainConfig) -> Selection | None:
    """The verdict that chose the published model, where it still stands; None where the gate has to judge.

    It does while the same recipe challenges under the same rules, and the data has hardly grown since it was judged.
    """
    champion = champion_of(home, snapshot.dataset)
    if champion is None or champion.judged is None or champion.judged.rules != config.rules:
        return None
    if not same_recipe(champion.recipe, challenger_of(config)):
        return None
    judged = champion.judged
    if not _hardly_grown(judged.ratings, snapshot, config):
        return None
    grown = snapshot.ratings.nnz / judged.ratings - 1
    return Selection(
        action="publish",
        recipe=champion.recipe,
        reason=f"The verdict of {judged.at:%Y-%m-%d %H:%M} UTC for {champion.model} stands: "
        f"since then the ratings grew by {grown:.2%}, no more than {config.carry.growth:.2%}.",
        metrics=champion.metrics,
        history=champion.history,
        judged=judged,
        continues=champion.model_id,
    )


def start_of(home: Home, snapshot: Snapshot, model: Model, earlier: str) -> Start | None:
    """A stored model, by its id, as the start of ``model``'s fit on grown data.

    None where models of its kind begin anew, and where it is gone, of another recipe or version, or knows users or
    movies that the data has no more.
    """
    if not model.goes_on or not (home.models / earlier / "ids.safetensors").exists():
        return None
    made = store.manifest_of(home, earlier)
    asked = (model.name, model.config.model_dump(mode="json"), __version__)
    if (made.model, made.config, made.recengine_version) != asked:
        return None
    users, movies = store.rows_of(home, earlier)
    if not (np.isin(users, snapshot.user_ids).all() and np.isin(movies, snapshot.movie_ids).all()):
        return None
    places = _places(users, snapshot.user_ids), _places(movies, snapshot.movie_ids)
    return Start(store.load(home, earlier), *places, len(users))


def _hardly_grown(before: int, snapshot: Snapshot, config: TrainConfig) -> bool:
    now = snapshot.ratings.nnz
    large = now >= config.carry.least_ratings and not config.carry.from_scratch
    return large and before > 0 and 0 <= now - before <= config.carry.growth * before


def _places(earlier: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Where each id of ``now`` stands among the ascending ids of ``earlier``; -1: nowhere."""
    found = np.searchsorted(earlier, now).clip(max=max(len(earlier) - 1, 0))
    return np.where(earlier[found] == now, found, -1) if len(earlier) else np.full(len(now), -1)
