"""The recency lift: what is popular now, added to any model's scores, as much as the data's own past rewards.

Ratings of the next weeks go to movies that are rated now far more than all-time counts say. With p a
movie's count and r its count in which a rating fades by half every h days, scaled to the same sum, a user's
standardised scores are lifted by ``w log((r + eps) / (p + eps))``. Half-life, weight and eps are chosen
by replaying the past: at several cuts in time, a model fitted before the cut is judged on what came next.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from recengine.models.base import OnProgress, silent
from recengine.snapshot import Snapshot

DAY = 86_400
TOP = 10  # the lists that are judged
TINY = 1e-9

Scorer = Callable[[Snapshot, np.ndarray], np.ndarray]
"""Scores (E, M) of the users of an index array (E,), by a model fitted on the snapshot given."""


class RecencyConfig(BaseModel):
    """What the replay tries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    half_lives: tuple[float, ...] = Field(
        (3, 7, 14, 30, 90, 365, 1095), description="Candidate half-lives, in days"
    )
    weights: tuple[float, ...] = Field(
        (0.25, 0.5, 1, 1.5, 2, 3, 4), description="Candidate weights, beside 0"
    )
    floors: tuple[float, ...] = Field((1, 5, 20), description="Candidate eps, in ratings")
    cuts: tuple[float, ...] = Field(
        (0.5, 0.6, 0.7, 0.8, 0.9), description="Where the past is cut, as shares of the ratings, oldest first"
    )
    most_users: int = Field(500, ge=1, description="Most users judged at a cut, drawn by the seed")


@dataclass
class Recency:
    """A learned lift.

    Attributes
    ----------
    weight, half_life, floor : float
        What the replay chose; ``half_life`` in days. Weight 0: no lift.
    gain : float
        Mean nDCG@10 it added over weight 0 at the cuts.
    lift : ndarray of float32, shape (M,)
        ``log((r + eps) / (p + eps))`` at the newest rating.
    """

    weight: float = 0.0
    half_life: float = 0.0
    floor: float = 1.0
    gain: float = 0.0
    lift: np.ndarray | None = None

    def learn(
        self,
        snapshot: Snapshot,
        scorer: Scorer,
        config: RecencyConfig,
        seed: int = 0,
        on_progress: OnProgress = silent,
    ) -> Self:
        """Choose half-life, weight and eps on cuts inside the snapshot, then make its lift.

        The surest candidate wins: that of the highest gain less its standard error over users. Where
        even that is not above 0, the weight stays 0.
        """
        cells = list(itertools.product(config.half_lives, config.floors, config.weights))
        cuts = _cuts(snapshot, config, np.random.default_rng(seed))
        judged = []
        for done, (part, users, later) in enumerate(cuts):
            on_progress("recency", done, len(cuts))
            judged.append(_judge(part, users, later, scorer, cells))
        on_progress("recency", len(cuts), len(cuts))
        self.weight = self.gain = 0.0
        if judged:
            gains = np.concatenate(judged)  # (E over all cuts, cells)
            sure = gains.mean(0) - gains.std(0) / len(gains) ** 0.5
            best = int(sure.argmax())
            if sure[best] > 0:
                self.half_life, self.floor, self.weight = cells[best]
                self.gain = float(gains[:, best].mean())
        self.lift = lift_of(snapshot, self.half_life, self.floor) if self.weight else None
        return self

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Lifted scores (B, M); as they were where the weight is 0."""
        return scores if self.lift is None else standardised(scores) + self.weight * self.lift

    def state(self) -> dict[str, torch.Tensor]:
        """The choice, and the lift where there is one."""
        values = [self.weight, self.half_life, self.floor, self.gain]
        state = {"choice": torch.tensor(values, dtype=torch.float64)}
        return state if self.lift is None else state | {"lift": torch.from_numpy(self.lift)}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self.weight, self.half_life, self.floor, self.gain = state["choice"].tolist()
        self.lift = state["lift"].numpy() if "lift" in state else None
        return self


def lift_of(snapshot: Snapshot, half_life: float, floor: float) -> np.ndarray:
    """``log((r + eps) / (p + eps))`` of every movie at the newest rating, float32 of shape (M,)."""
    movies, age = snapshot.ratings.indices, (snapshot.rated_at.max() - snapshot.rated_at) / DAY
    count = np.bincount(movies, minlength=snapshot.movies)
    recent = np.bincount(movies, 0.5 ** (age / half_life), minlength=snapshot.movies)
    recent *= count.sum() / recent.sum()
    return np.log((recent + floor) / (count + floor)).astype(np.float32)


def standardised(scores: np.ndarray) -> np.ndarray:
    """Each user's scores with mean 0 and standard deviation 1, shape (B, M)."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    return centred / (centred.std(axis=1, keepdims=True) + TINY)


def _cuts(
    snapshot: Snapshot, config: RecencyConfig, random: np.random.Generator
) -> list[tuple[Snapshot, np.ndarray, Snapshot]]:
    """(ratings before a cut, users judged, ratings up to the next cut) for every cut that has users."""
    if not snapshot.ratings.nnz:
        return []
    bounds = np.quantile(snapshot.rated_at, (*config.cuts, 1.0), method="higher")
    found = []
    for cut, end in itertools.pairwise(bounds):
        before = snapshot.rated_at < cut
        after = (snapshot.rated_at >= cut) & (snapshot.rated_at <= end)
        users = np.intersect1d(snapshot.rating_users[before], snapshot.rating_users[after])
        if len(users):
            drawn = np.sort(random.permutation(users)[: config.most_users])
            found.append((snapshot.where(before), drawn, snapshot.where(after)))
    return found


def _judge(
    part: Snapshot,
    users: np.ndarray,
    later: Snapshot,
    scorer: Scorer,
    cells: list[tuple[float, float, float]],
) -> np.ndarray:
    """Gain in nDCG@10 over no lift of every user and cell, shape (E, cells)."""
    scores = torch.from_numpy(standardised(scorer(part, users)))  # (E, M)
    scores[torch.from_numpy(part.ratings[users].toarray() > 0)] = -torch.inf
    wanted = torch.from_numpy(later.ratings[users].toarray() > 0)
    plain = _ndcg(scores, wanted)
    lifts = {(h, eps): torch.from_numpy(lift_of(part, h, eps)) for h, eps, _ in cells}
    gains = [_ndcg(scores + w * lifts[h, eps], wanted) - plain for h, eps, w in cells]
    return torch.stack(gains, dim=1).numpy()


def _ndcg(scores: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """nDCG@10 of every user, shape (E,)."""
    top = min(TOP, scores.shape[1])
    hits = wanted.gather(1, scores.topk(top, dim=1).indices).float()
    discount = 1 / torch.log2(torch.arange(2, top + 2))
    ideal = discount.cumsum(0)[wanted.sum(1).clamp(max=top) - 1]
    return hits @ discount / ideal
