"""The default model's ranking: two autoencoders of implicit feedback and a prior, added up.

Both reconstruct the matrix [interactions; genres]: a row per user, 1 where a movie was rated, and below them a row
per genre and per span of release years, 1 for its movies.

1. EASE, a full-rank shallow one, in closed form (``closed_form``): every movie from the user's other movies; pairs
   of movies rated in one session count most.
2. iALS, a low-rank one (``ials``): it sees through 32 numbers what the first finds pair by pair.
3. What the user's attributes say (``attribute_prior``), which carries users with few ratings.

All three estimate the same thing, the user's row of zeros and ones, so that they can simply be added.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from recengine.dataset import DECLARED, Snapshot
from recengine.models.base import OnProgress, silent
from recengine.models.excluded import Boosts, Excluded
from recengine.models.kernels.blocks import Block, Catalogue
from recengine.models.kernels.groups import Groups, best_of_groups
from recengine.models.kernels.offer import Offer
from recengine.models.kernels.popular_first import Order, RatedRows, rows_of
from recengine.models.kernels.topn import Lists, empty_lists
from recengine.models.parts.attribute_prior import AttributePrior, AttributePriorConfig
from recengine.models.parts.closed_form import add_features, solvable, zero_diagonal_ridge
from recengine.models.parts.half_steps import Stacked
from recengine.models.parts.ials import ImplicitALS, ImplicitALSConfig
from recengine.models.parts.pairs import Pairs
from recengine.models.parts.ranking_reasons import Known
from recengine.models.shared import Kept, moved, part_of
from recengine.models.spread import OverShards, total
from recengine.runtime.resources import memory_bytes

GENRES = ("genre", "year_bin", DECLARED)
SIDE_BY_SIDE = 2  # closed forms: of everything, and of the past that recency replays
BLOCK = 4096  # most users whose best are found at a time


class RankingConfig(BaseModel):
    """Knobs of the ranking; defaults chosen inside the training parts of three data sets, random and in time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ridge: float | None = Field(
        None, gt=0, description="Penalty on the closed form's weights, in ratings; none: by ridge_scale"
    )
    ridge_scale: float = Field(
        48.0, gt=0, description="The same by rule: times the root of the mean number of ratings of its movies"
    )
    genre_weight: float = Field(
        3.0, ge=0, description="Weight of a genre's row in the closed form; 0 leaves genres and years out"
    )
    session_share: float = Field(0.7, ge=0, le=1, description="Share of a pair's weight tied to one session")
    session_hours: float = Field(0.2, gt=0, description="Time scale of a session")
    min_ratings: int = Field(3, ge=1, description="Movies with fewer ratings are left to the prior")
    most_movies: int = Field(4_000, ge=1, description="Most movies in the closed form: the most rated ones")
    low_rank_weight: float = Field(1.0, ge=0, description="Weight of the low-rank part; 0 leaves it out")
    low_rank: ImplicitALSConfig = ImplicitALSConfig()
    prior: AttributePriorConfig = AttributePriorConfig()

    def ridge_for(self, counts: NDArray[np.integer[Any]]) -> float:
        """The ridge of a closed form of movies with these numbers of ratings, (H,).

        What a pair of movies has in common by chance grows with the root of their counts, and the ridge with it.
        """
        mean = counts.mean() if len(counts) else 1.0
        return self.ridge if self.ridge is not None else float(self.ridge_scale * np.sqrt(mean))

    def bounded(self, most_work: int, most_movies: int) -> Self:
        """The same recipe with no more work on its low-rank part and no more movies in its closed form."""
        low_rank = self.low_rank.model_copy(update={"most_work": min(self.low_rank.most_work, most_work)})
        most = {"most_movies": min(self.most_movies, most_movies)}
        return self.model_copy(update=most | {"low_rank": low_rank})


class Ranking(OverShards):
    """Ranking scores of any users of a snapshot for all movies.

    Notes
    -----
    The closed form is dense in the H movies of its head: 8 H^2 bytes while fitting, H^3 time; H is at most
    ``most_movies``, and no more than half of the memory holds four times, as two candidates fit side by side
    and each solves a second one to replay the past. Movies beyond the head have the low-rank part and the
    prior; those with hardly any rating only the prior.
    """

    def __init__(self, config: RankingConfig | None = None, seed: int = 0) -> None:
        self.config = config if config is not None else RankingConfig()
        self.order = Order.from_movies(np.zeros(0, dtype=np.int64), 0)
        self.weights = np.zeros((0, 0), dtype=np.float32)  # (H, H), of the most rated movies
        self.low_rank = ImplicitALS(self.config.low_rank, seed)
        self.prior = AttributePrior(self.config.prior)
        self._start: torch.Tensor | None = None  # row factors that the next fit begins with, (U + C, K)
        self.shared: Kept | None = None  # with fits of other recipes to the same ratings
        self.factors: NDArray[np.float32] | None = None  # what the movies' scores are multiplied with, (M,)
        self.known = Known()  # of what its scores consist of
        self._catalogue: Catalogue | None = None  # with this boost, where it has been asked for
        self._boost: NDArray[np.float32] | None = None

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Fit the three parts on all ratings."""
        config, kept, self._catalogue = self.config, self.shared or Kept(), None
        self.order = Order.of(snapshot.ratings, config.min_ratings)
        rows = self.rows(snapshot, np.arange(snapshot.users))
        genres = snapshot.movie_group(*(GENRES if config.genre_weight else ()))
        genres = genres[self.order.movies[: self.order.warm]]  # (warm, C)
        self.prior.fit(snapshot, lambda work, plan: total(snapshot, work, plan, self.spread))
        if config.low_rank_weight:
            stacked = Stacked(rows.rated, csr_array(genres.T), snapshot.shards, self.order, self.spread)
            start = self._start if self._start is not None and len(self._start) == stacked.shape[0] else None
            key = ("low rank", config.low_rank, config.min_ratings, bool(config.genre_weight))
            self.low_rank = kept.get(
                key, lambda: self.low_rank.fit(stacked, start=start, device=device, on_progress=on_progress)
            )
        on_progress("closed form", 0, 1)
        head = min(self.wanted, solvable(SIDE_BY_SIDE))
        ridge = config.ridge_for(np.bincount(rows.rated.indices, minlength=head)[:head])
        gram = self._gram(Pairs(rows, snapshot.shards, self.order, self.spread), genres[:head], kept)
        self.weights = zero_diagonal_ridge(gram, ridge, outputs=head, device=device)
        on_progress("closed form", 1, 1)
        return self

    @property
    def wanted(self) -> int:
        """How many movies the closed form covers where the memory suffices."""
        return min(self.order.warm, self.config.most_movies)

    def _gram(self, pairs: Pairs, genres: csr_array, kept: Kept) -> NDArray[np.float32]:
        """The closed form's pairs, (H, H): of common raters, of sessions and, as (H, C), of genres."""
        config, head = self.config, genres.shape[0]
        common = kept.get(("common", head), lambda: pairs.common(head))
        gram = common * np.float32(1 - config.session_share)
        if config.session_share:
            hours = config.session_hours
            near = kept.get(("near", head, hours), lambda: pairs.near(head, hours))
            gram += near * np.float32(config.session_share)
        add_features(gram, genres, config.genre_weight)
        return gram

    def warm_start_from(self, earlier: Self, users: NDArray[np.int64], users_then: int) -> None:
        """Let the next fit begin with the low-rank factors of an earlier one.

        ``users`` and ``users_then`` as in ``base.WarmStart``: the factors of genres follow those of the users. Where
        the data has other genres or years than then, the low-rank part begins anew.
        """
        rows = earlier.low_rank.users
        genres = np.arange(users_then, len(rows))
        self._start = moved(rows, np.concatenate([users, genres]))

    def fold_in(self, others: Snapshot) -> Self:
        """The same for other users of the same movies, exactly: closed form and prior are functions of their rows."""
        folded = copy.copy(self)
        if self.config.low_rank_weight:
            rows = self.rows(others, np.arange(others.users))
            folded.low_rank = self.low_rank.fold_in(rows.rated)
        return folded

    def times(self, factors: NDArray[np.float32]) -> Self:
        """The same with each movie's scores multiplied, factors float32 of shape (M,), before any boost."""
        other = copy.copy(self)
        other.factors, other._catalogue = factors, None
        return other

    def movie_factors(self) -> NDArray[np.float32] | None:
        """The movies' factors of the low-rank part, (M, K), zeros where a movie has too few ratings for it."""
        if not self.config.low_rank_weight:
            return None
        factors = np.zeros((len(self.order.movies), self.config.low_rank.factors), dtype=np.float32)
        factors[self.order.movies[: self.order.warm]] = self.low_rank.movies.numpy()
        return factors

    def score(
        self, snapshot: Snapshot, users: NDArray[np.int64], boost: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Scores of users (B,), float32 of shape (B, M); a user's do not depend on the others.

        With a boost, of shape (M,), it is added to each user's scores after these are standardised.
        """
        return self._block(snapshot, users, boost).scores()[:, self.order.number]

    def best(
        self,
        snapshot: Snapshot,
        users: NDArray[np.int64],
        n: int,
        excluded: Excluded,
        boost: NDArray[np.float32] | None = None,
        boosts: Boosts | None = None,
    ) -> Lists:
        """The n best movies that users (B,) may get by ``score``; equal scores in the order of the movies.

        -inf and -1 where nothing is left, NaN as the first score where one is not finite. ``boosts`` are single
        users' own; those of everyone are in ``boost``.
        """
        lists = empty_lists(len(users), n)
        for part, block, offer in self._offered(snapshot, users, excluded, boost, boosts):
            lists.values[part], lists.ids[part] = block.best(offer, self.order.movies, n)
            if boost is not None:
                self.known.scales_in(self, snapshot)[users[part]] = block.scales
        return lists

    def best_of_groups(
        self,
        snapshot: Snapshot,
        users: NDArray[np.int64],
        n: int,
        groups: csr_array,
        excluded: Excluded,
        boost: NDArray[np.float32] | None = None,
        boosts: Boosts | None = None,
    ) -> Lists:
        """The same within each of G groups of movies, groups (G, M): both (B, G, n)."""
        found = Groups.of(self._catalogue_with(boost), csr_array(groups[:, self.order.movies]))
        lists = empty_lists(len(users), groups.shape[0], n)
        for part, block, offer in self._offered(snapshot, users, excluded, boost, boosts):
            lists.values[part], lists.ids[part] = best_of_groups(block, offer, self.order.movies, n, found)
        return lists

    def _offered(
        self,
        snapshot: Snapshot,
        users: NDArray[np.int64],
        excluded: Excluded,
        boost: NDArray[np.float32] | None,
        boosts: Boosts | None,
    ) -> Iterator[tuple[slice, Block, Offer]]:
        """Which of the users, some at a time, with what their scores are made of and what they may get."""
        size = min(BLOCK, max(256, memory_bytes() // 32 // (4 * max(len(self.weights), 1))))
        hidden = excluded.everyone[self.order.movies]
        for start in range(0, len(users), size):
            part = slice(start, start + size)
            own = None if boosts is None else self.order.renumbered(boosts.of(users[part]))
            offer = Offer(self.order.renumbered(excluded.own(users[part])), hidden, own)
            yield part, self._block(snapshot, users[part], boost), offer

    def rows(self, snapshot: Snapshot, users: NDArray[np.int64]) -> RatedRows:
        """The warm movies that users rated, in the order of the movies here."""
        return rows_of(snapshot.ratings, snapshot.rated_at, self.order, users)

    def _block(
        self, snapshot: Snapshot, users: NDArray[np.int64], boost: NDArray[np.float32] | None
    ) -> Block:
        left = self.prior.left(snapshot, users)
        if self.config.low_rank_weight:
            left = np.hstack([self.config.low_rank_weight * self.low_rank.users[users].numpy(), left])
        return Block(
            self._catalogue_with(boost),
            left=np.ascontiguousarray(left, dtype=np.float32),
            rows=self.rows(snapshot, users).rated,
        )

    def _catalogue_with(self, boost: NDArray[np.float32] | None) -> Catalogue:
        """The movies' side of all blocks: made once, because every block of users needs it again."""
        if self._catalogue is None or not _equal(self._boost, boost):
            right = self.prior.weights[:, self.order.movies]
            if self.config.low_rank_weight:
                factors = np.zeros((self.config.low_rank.factors, right.shape[1]), dtype=np.float32)
                factors[:, : self.order.warm] = self.low_rank.movies.numpy().T
                right = np.vstack([factors, right])
            ordered = None if boost is None else boost[self.order.movies].astype(np.float32)
            weights = self.weights
            if self.factors is not None:
                factors = self.factors[self.order.movies]
                right, weights = right * factors, weights * factors[: len(weights)]
            # In one layout whatever the inputs are, so that loops over it are compiled once.
            self._catalogue, self._boost = Catalogue(np.ascontiguousarray(right), weights, ordered), boost
        return self._catalogue

    def state(self) -> dict[str, torch.Tensor]:
        """The learned tensors by name."""
        tensors = {
            "movies": torch.from_numpy(self.order.movies),
            "coded": torch.tensor(self.order.warm),
            "weights": torch.from_numpy(self.weights),
        }
        parts = {"prior": self.prior.state(), "low_rank": self.low_rank.state()}
        return tensors | {f"{part}.{name}": t for part, state in parts.items() for name, t in state.items()}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self._catalogue = None
        self.order = Order.from_movies(state["movies"].numpy(), int(state["coded"]))
        self.weights = state["weights"].numpy()
        self.prior.restore(part_of(state, "prior"))
        self.low_rank.restore(part_of(state, "low_rank"))
        return self


def _equal(one: NDArray[np.float32] | None, other: NDArray[np.float32] | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))
