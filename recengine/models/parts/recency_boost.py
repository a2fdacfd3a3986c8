"""The recency lift: what is popular now, added to any model's scores, as much as the data's own past rewards.

Ratings of the next weeks go to movies that are rated now far more than all-time counts say. A user's
standardised scores are therefore lifted by ``w log((r + eps) / (p + eps))``, see ``lifts``.

Half-life, weight and eps are learned by replaying the past: at several cuts in time, a model fitted before
the cut is judged on what came next. Few users rate on both sides of a cut, and the candidate that served
them best may hurt the next ones, so none is chosen: the lift is the average of all, each counting
``exp(2 gain / standard error)``, among them no lift at all, which counts 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from recengine.dataset import Snapshot
from recengine.models.base import OnProgress, silent, users_at_once
from recengine.models.kernels import boosted_ndcg as lifted_lists
from recengine.models.parts.recent_popularity import lifts

TINY = 1e-9
SHARPNESS = 2.0  # of the average over candidates; 1 to 4 do as well on inner cuts

Scorer = Callable[[Snapshot], Callable[[np.ndarray], np.ndarray]]
"""Fits a model on the snapshot given; what it returns gives the scores (E, M) of the users of an index array (E,)."""

Cell = tuple[float, float, float]
"""A candidate: half-life, eps, weight."""


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
    most_ratings: int = Field(
        500_000,
        ge=1,
        description="About how many ratings a replayed model sees: those of a random sample of users",
    )
    most_work: int = Field(
        2_500_000, ge=1, description="Bound on sweeps times ratings of a replayed model's low-rank part"
    )

    @property
    def cells(self) -> list[Cell]:
        """Every candidate; weights vary fastest."""
        return list(itertools.product(self.half_lives, self.floors, self.weights))


@dataclass
class Recency:
    """A learned lift.

    Attributes
    ----------
    weight : float
        Mean weight of the candidates; 0: no lift.
    half_life, floor : float
        Of the candidate that counts most; ``half_life`` in days.
    gain : float
        Mean nDCG@10 that the candidates added over weight 0 at the cuts.
    lift : ndarray of float32, shape (M,)
        The candidates' mean ``log((r + eps) / (p + eps))`` at the newest rating.
    """

    weight: float = 0.0
    half_life: float = 0.0
    floor: float = 1.0
    gain: float = 0.0
    lift: np.ndarray | None = None
    strengths: np.ndarray | None = None  # share times weight of every candidate, float64 of shape (cells,)

    def learn(
        self,
        snapshot: Snapshot,
        scorer: Scorer,
        config: RecencyConfig,
        seed: int = 0,
        on_progress: OnProgress = silent,
    ) -> Self:
        """Weigh the candidates by what they gain at cuts inside the snapshot, and average their lifts.

        Candidates without a gain are left out; where that is all of them, there is no lift.
        """
        self.weight, self.gain, self.lift = 0.0, 0.0, None
        self.strengths = None
        gains = _replay(snapshot, scorer, config, seed, on_progress)  # (E over all cuts, cells)
        if not len(gains):
            return self
        shares = _shares(gains)
        self.strengths = shares * [weight for _, _, weight in config.cells]
        if self.strengths.any():
            self.half_life, self.floor, _ = config.cells[int(shares.argmax())]
            self.gain = float(shares @ gains.mean(axis=0))
        return self._lift_at_the_end_of(snapshot, config)

    def carry_over(self, earlier: Self, snapshot: Snapshot, config: RecencyConfig) -> Self:
        """Keep what an earlier one learned with the same candidates, and lift what is popular now."""
        self.half_life, self.floor, self.gain = earlier.half_life, earlier.floor, earlier.gain
        self.strengths = earlier.strengths
        return self._lift_at_the_end_of(snapshot, config)

    def _lift_at_the_end_of(self, snapshot: Snapshot, config: RecencyConfig) -> Self:
        self.weight, self.lift = 0.0, None
        if self.strengths is not None and self.strengths.any():
            self.weight = float(self.strengths.sum())
            mean = self.strengths.reshape(-1, len(config.weights)).sum(axis=1) / self.weight
            self.lift = (mean @ lifts(snapshot, config.half_lives, config.floors)).astype(np.float32)
        return self

    @property
    def weighted(self) -> np.ndarray | None:
        """What is added to standardised scores, float32 of shape (M,); None where nothing is."""
        return None if self.lift is None else np.float32(self.weight) * self.lift

    def state(self) -> dict[str, torch.Tensor]:
        """The choice, and the lift where there is one."""
        values = [self.weight, self.half_life, self.floor, self.gain]
        arrays = {"lift": self.lift, "strengths": self.strengths}
        state = {name: torch.from_numpy(array) for name, array in arrays.items() if array is not None}
        return state | {"choice": torch.tensor(values, dtype=torch.float64)}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self.weight, self.half_life, self.floor, self.gain = state["choice"].tolist()
        self.lift, self.strengths = (
            state[name].numpy() if name in state else None for name in ("lift", "strengths")
        )
        return self


def standardised(scores: np.ndarray) -> np.ndarray:
    """Each user's scores with mean 0 and standard deviation 1, shape (B, M)."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    return centred / (centred.std(axis=1, keepdims=True) + TINY)


def _shares(gains: np.ndarray) -> np.ndarray:
    """How much each candidate counts, shape (cells,), from its users' gains (E, cells); with no lift, sum 1."""
    mean = gains.mean(axis=0)
    sure = mean / (gains.std(axis=0) / len(gains) ** 0.5 + TINY)
    top = max(sure.max(), 0.0)
    counts = np.where(mean > 0, np.exp(SHARPNESS * (sure - top)), 0.0)
    return counts / (counts.sum() + np.exp(-SHARPNESS * top))


def _replay(
    snapshot: Snapshot, scorer: Scorer, config: RecencyConfig, seed: int, on_progress: OnProgress
) -> np.ndarray:
    """Gain in nDCG@10 over no lift of every candidate, a row per user and cut, shape (E, cells)."""
    gains = [np.zeros((0, len(config.cells)))]
    if snapshot.ratings.nnz:
        random = np.random.default_rng(seed)
        bounds = np.quantile(snapshot.rated_at, (*config.cuts, 1.0), method="higher")
        for done, (cut, end) in enumerate(itertools.pairwise(bounds)):
            on_progress("recency", done, len(config.cuts))
            before = snapshot.rated_at < cut
            counts = _per_user(snapshot, before)
            users = np.flatnonzero(counts * _per_user(snapshot, ~before & (snapshot.rated_at <= end)))
            if len(users):
                users = np.sort(random.permutation(users)[: config.most_users])
                kept = _sample(counts, users, config.most_ratings, random)
                replayed = snapshot.of_users(kept)
                known = replayed.where(replayed.rated_at < cut)
                wanted = replayed.where((replayed.rated_at >= cut) & (replayed.rated_at <= end))
                at_cut = lifts(snapshot, config.half_lives, config.floors, before=cut)
                gains.append(
                    _judge(scorer, known, wanted, np.searchsorted(kept, users), at_cut, config.weights)
                )
        on_progress("recency", len(config.cuts), len(config.cuts))
    return np.concatenate(gains)


def _per_user(snapshot: Snapshot, chosen: np.ndarray) -> np.ndarray:
    """How many of each user's ratings are chosen, by a mask of shape (nnz,); int64 of shape (U,)."""
    return np.diff(np.concatenate([[0], np.cumsum(chosen)])[snapshot.ratings.indptr])


def _sample(counts: np.ndarray, judged: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
    """Users a replayed model sees, ascending: the judged ones, and random others up to ``most`` ratings."""
    seen = counts > 0
    if counts.sum() > most:
        others = random.permutation(np.setdiff1d(np.flatnonzero(seen), judged))
        too_many = counts[judged].sum() + counts[others].cumsum() > most
        seen[others[too_many]] = False
    return np.flatnonzero(seen)


def _judge(
    scorer: Scorer,
    known: Snapshot,
    wanted: Snapshot,
    users: np.ndarray,
    at_cut: np.ndarray,
    weights: tuple[float, ...],
) -> np.ndarray:
    """Gain in nDCG@10 over no lift of every user (E,) and candidate, shape (E, cells)."""
    scores_of, size, found = scorer(known), users_at_once(known.movies), []
    for start in range(0, len(users), size):
        block = users[start : start + size]
        scores = standardised(scores_of(block)).astype(np.float32, copy=False)  # (B, M)
        lists = known.ratings[block], wanted.ratings[block]
        found.append(lifted_lists.gains(scores, *lists, at_cut, np.array(weights, dtype=np.float32)))
    return np.concatenate(found)
