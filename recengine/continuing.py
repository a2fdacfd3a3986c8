"""What a night may take over from the last one, when large data has hardly changed since.

The verdict of the gate stands, and training starts from the published model, until the ratings have grown by more
than ``ContinueConfig.growth``. Smaller data than ``least_ratings`` is judged and trained from nothing every night,
so that its tables depend on the data alone.
"""

from __future__ import annotations

import logging

import numpy as np

from recengine import __version__
from recengine.config import Home
from recengine.models import store
from recengine.models.base import Model, Start
from recengine.selection import Selection, TrainConfig, challenger_of, champion_of, same_recipe
from recengine.snapshot import Snapshot

log = logging.getLogger(__name__)


def standing(home: Home, snapshot: Snapshot, config: TrainConfig) -> Selection | None:
    """The verdict that chose the published model, where it still stands; None where the gate has to judge.

    It does while the same recipe challenges under the same rules, and the data has hardly grown since it was judged.
    """
    champion = champion_of(home, snapshot.dataset)
    if champion is None or champion.judged is None or champion.judged.rules != config.rules:
        return None
    if not same_recipe(champion.recipe, challenger_of(config)):
        return None
    if not _hardly_grown(champion.judged.ratings, snapshot, config):
        return None
    judged = champion.judged
    grown = snapshot.ratings.nnz / judged.ratings - 1
    return Selection(
        action="publish",
        recipe=champion.recipe,
        reason=f"The verdict of {judged.at:%Y-%m-%d %H:%M} UTC for {champion.model} stands: "
        f"since then the ratings grew by {grown:.2%}, no more than {config.carry.growth:.0%}.",
        metrics=champion.metrics,
        history=champion.history,
        judged=judged,
    )


def start_of(home: Home, snapshot: Snapshot, model: Model, config: TrainConfig) -> tuple[str, Start] | None:
    """The published model and its id, where a fit of ``model`` may start from it; None where it begins anew."""
    champion = champion_of(home, snapshot.dataset)
    if champion is None or champion.snapshot == snapshot.fingerprint:
        return None
    made = (champion.model, champion.config, champion.recengine_version)
    if made != (model.name, model.config.model_dump(mode="json"), __version__):
        return None
    if not _hardly_grown(champion.ratings, snapshot, config):
        return None
    users, movies = store.rows_of(home, champion.model_id)
    if not (np.isin(users, snapshot.user_ids).all() and np.isin(movies, snapshot.movie_ids).all()):
        return None
    earlier = store.load(home, champion.model_id)
    start = Start(earlier, _places(users, snapshot.user_ids), _places(movies, snapshot.movie_ids))
    return champion.model_id, start


def _hardly_grown(before: int, snapshot: Snapshot, config: TrainConfig) -> bool:
    now = snapshot.ratings.nnz
    large = now >= config.carry.least_ratings and not config.carry.from_scratch
    return large and before > 0 and 0 <= now - before <= config.carry.growth * before


def _places(earlier: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Where each id of ``now`` stands among the ascending ids of ``earlier``; -1: nowhere."""
    found = np.searchsorted(earlier, now).clip(max=max(len(earlier) - 1, 0))
    return np.where(earlier[found] == now, found, -1) if len(earlier) else np.full(len(now), -1)
