"""The recency boost: what is popular now, added to any model's scores, as much as the data's own past rewards.

Ratings of the next weeks go to movies that are rated now far more than all-time counts say. With p a movie's count
of ratings and r its count in which a rating fades by half every h days, scaled to the same sum, a user's standardised
scores are therefore boosted by ``w log((r + eps) / (p + eps))``.

Half-life h, weight w and eps are learned by replaying the past: at several cuts in time, a model fitted before
the cut is judged on what came next. Few users rate on both sides of a cut, and the candidate that served
them best may hurt the next ones, so none is chosen: the boost is the average of all, each counting
``exp(2 gain / standard error)``, among them no boost at all, which counts 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from recengine.dataset import Snapshot
from recengine.models.base import OnProgress, silent, users_at_once
from recengine.models.kernels.boosted_ndcg import ndcg_gains
from recengine.models.kernels.in_time import Times, faded_counts, rated_between
from recengine.models.kernels.standard import standardised

TINY = 1e-9
SHARPNESS = 2.0  # of the average over candidates; 1 to 4 do as well on inner cuts
Scorer = Callable[[Snapshot], Callable[[NDArray[np.int64]], NDArray[np.float32]]]
"""Fits a model on the snapshot given; what it returns gives the scores (E, M) of the users of an index array (E,)."""

Candidate = tuple[float, float, float]
"""Half-life, eps, weight."""


class RecencyBoostConfig(BaseModel):
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
    most_movies: int = Field(
        2_000, ge=1, description="Most movies in a replayed model's closed form: the most rated ones"
    )

    @property
    def candidates(self) -> list[Candidate]:
        """Every candidate; weights vary fastest."""
        return list(itertools.product(self.half_lives, self.floors, self.weights))


@dataclass
class RecencyBoost:
    """A learned boost.

    Attributes
    ----------
    weight : float
        Mean weight of the candidates; 0: no boost.
    half_life, floor : float
        Of the candidate that counts most; ``half_life`` in days.
    gain : float
        Mean nDCG@10 that the candidates added over weight 0 at the cuts.
    boost : ndarray of float32, shape (M,), or None
        The candidates' mean ``log((r + eps) / (p + eps))`` at the newest rating.
    strengths : ndarray of float64, shape (candidates,), or None
        Share times weight of every candidate.
    """

    weight: float = 0.0
    half_life: float = 0.0
    floor: float = 1.0
    gain: float = 0.0
    boost: NDArray[np.float32] | None = None
    strengths: NDArray[np.float64] | None = None

    def learn(
        self,
        snapshot: Snapshot,
        scorer: Scorer,
        config: RecencyBoostConfig,
        seed: int = 0,
        on_progress: OnProgress = silent,
    ) -> Self:
        """Weigh the candidates by what they gain at cuts inside the snapshot, and average their boosts.

        Candidates without a gain are left out; where that is all of them, there is no boost.
        """
        self.weight, self.gain, self.boost = 0.0, 0.0, None
        self.strengths = None
        gains = _replay(snapshot, scorer, config, seed, on_progress)  # (E over all cuts, candidates)
        if not len(gains):
            return self
        shares = _shares(gains)
        self.strengths = shares * [weight for _, _, weight in config.candidates]
        if self.strengths.any():
            self.half_life, self.floor, _ = config.candidates[int(shares.argmax())]
            self.gain = float(shares @ gains.mean(axis=0))
        return self._boost_at_the_end_of(snapshot, config)

    def carry_over(self, earlier: Self, snapshot: Snapshot, config: RecencyBoostConfig) -> Self:
        """Keep what an earlier one learned with the same candidates, and boost what is popular now."""
        self.half_life, self.floor, self.gain = earlier.half_life, earlier.floor, earlier.gain
        self.strengths = earlier.strengths
        return self._boost_at_the_end_of(snapshot, config)

    def _boost_at_the_end_of(self, snapshot: Snapshot, config: RecencyBoostConfig) -> Self:
        self.weight, self.boost = 0.0, None
        if self.strengths is not None and self.strengths.any():
            self.weight = float(self.strengths.sum())
            mean = self.strengths.reshape(-1, len(config.weights)).sum(axis=1) / self.weight
            self.boost = (mean @ boosts(snapshot, config.half_lives, config.floors)).astype(np.float32)
        return self

    @property
    def weighted(self) -> NDArray[np.float32] | None:
        """What is added to standardised scores, float32 of shape (M,); None where nothing is."""
        return None if self.boost is None else np.float32(self.weight) * self.boost

    def state(self) -> dict[str, torch.Tensor]:
        """The choice, and the boost where there is one (its tensor's name is older than this one)."""
        values = [self.weight, self.half_life, self.floor, self.gain]
        arrays = {"lift": self.boost, "strengths": self.strengths}
        state = {name: torch.from_numpy(array) for name, array in arrays.items() if array is not None}
        return state | {"choice": torch.tensor(values, dtype=torch.float64)}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self.weight, self.half_life, self.floor, self.gain = state["choice"].tolist()
        self.boost, self.strengths = (
            state[name].numpy() if name in state else None for name in ("lift", "strengths")
        )
        return self


def _shares(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each candidate counts, (candidates,), from its users' gains (E, candidates); with no boost, sum 1."""
    mean = gains.mean(axis=0)
    sure = mean / (gains.std(axis=0) / len(gains) ** 0.5 + TINY)
    top = max(sure.max(), 0.0)
    counts = np.where(mean > 0, np.exp(SHARPNESS * (sure - top)), 0.0)
    return np.asarray(counts / (counts.sum() + np.exp(-SHARPNESS * top)))


def _replay(
    snapshot: Snapshot, scorer: Scorer, config: RecencyBoostConfig, seed: int, on_progress: OnProgress
) -> NDArray[np.float64]:
    """Gain in nDCG@10 over no boost of every candidate, a row per user and cut, shape (E, candidates)."""
    gains = [np.zeros((0, len(config.candidates)))]
    if snapshot.ratings.nnz:
        random = np.random.default_rng(seed)
        oldest = int(snapshot.rated_at.min())
        bounds = np.quantile(snapshot.rated_at, (*config.cuts, 1.0), method="higher")
        for done, (cut, end) in enumerate(itertools.pairwise(bounds)):
            on_progress("recency", done, len(config.cuts))
            counts = rated_between(snapshot.ratings, snapshot.rated_at, oldest, cut - 1)
            users = np.flatnonzero(counts * rated_between(snapshot.ratings, snapshot.rated_at, cut, end))
            if len(users):
                users = np.sort(random.permutation(users)[: config.most_users])
                kept = _sample(counts, users, config.most_ratings, random)
                replayed = snapshot.of_users(kept)
                past = replayed.where(replayed.rated_at < cut)
                future = replayed.where((replayed.rated_at >= cut) & (replayed.rated_at <= end))
                at_cut = boosts(snapshot, config.half_lives, config.floors, before=cut)
                gains.append(
                    _judge(scorer, past, future, np.searchsorted(kept, users), at_cut, config.weights)
                )
        on_progress("recency", len(config.cuts), len(config.cuts))
    return np.concatenate(gains)


def _sample(
    counts: NDArray[np.int64], judged: NDArray[np.int64], most: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Users a replayed model sees, ascending: the judged ones, and random others up to ``most`` ratings."""
    seen = counts > 0
    if counts.sum() > most:
        others = random.permutation(np.setdiff1d(np.flatnonzero(seen), judged))
        too_many = counts[judged].sum() + counts[others].cumsum() > most
        seen[others[too_many]] = False
    return np.flatnonzero(seen)


def _judge(
    scorer: Scorer,
    past: Snapshot,
    future: Snapshot,
    users: NDArray[np.int64],
    at_cut: NDArray[np.float32],
    weights: tuple[float, ...],
) -> NDArray[np.float64]:
    """Gain in nDCG@10 over no boost of every user (E,) and candidate, shape (E, candidates)."""
    scores_of, size, gains = scorer(past), users_at_once(past.movies), []
    for start in range(0, len(users), size):
        block = users[start : start + size]
        scores = standardised(scores_of(block))  # (B, M)
        lists = past.ratings[block], future.ratings[block]
        gains.append(ndcg_gains(scores, *lists, at_cut, np.array(weights, dtype=np.float32)))
    return np.concatenate(gains)


def boosts(
    snapshot: Snapshot, half_lives: Sequence[float], floors: Sequence[float], before: int | None = None
) -> NDArray[np.float32]:
    """``log((r + eps) / (p + eps))`` of every half-life and eps at the newest rating.

    Parameters
    ----------
    snapshot : Snapshot
    half_lives : sequence of float
        In days; a rating's age counts in whole hours.
    floors : sequence of float
        eps, in ratings.
    before : int, optional
        Seconds since 1970: as if this rating and later ones did not exist.

    Returns
    -------
    ndarray of float32, shape (half-lives x floors, M)
    """
    times = Times(np.asarray(snapshot.ratings.indices), np.asarray(snapshot.rated_at))
    newest = int(times.rated_at.max())
    if before is not None and before <= newest:
        newest = int(np.max(times.rated_at, where=times.rated_at < before, initial=times.rated_at.min()))
    *recent, count = faded_counts(times, snapshot.movies, newest, np.asarray(half_lives)).T  # (M,) each
    scaled = (each * (count.sum() / each.sum()) for each in recent)
    logs = [np.log((each + floor) / (count + floor)) for each in scaled for floor in floors]
    return np.array(logs, dtype=np.float32)
