"""The default model's ranking: two autoencoders of the rated-at-all matrix and a prior, added up.

Both reconstruct the matrix [ratings; genres]: a row per user, 1 where a movie was rated, and below them a row
per genre and per span of release years, 1 for its movies.

1. A full-rank shallow one, in closed form (``gram``): every movie from the user's other movies; pairs of
   movies rated in one sitting count most.
2. A low-rank one (``low_rank``): it sees through 32 numbers what the first finds pair by pair.
3. What the user's attributes say (``prior``), which carries users with few ratings.

All three estimate the same thing, the user's row of zeros and ones, so that they can simply be added.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array, vstack

from recengine.dataset import DECLARED, Snapshot
from recengine.models.base import OnProgress, moved, part_of, silent
from recengine.models.kernels.blocks import Block, Catalogue
from recengine.models.kernels.cooccurrence import common_raters
from recengine.models.kernels.popular_first import Order, RatedRows, rows_of
from recengine.models.parts.attribute_prior import Prior, PriorConfig
from recengine.models.parts.gram import add_features, solvable, zero_diagonal_ridge
from recengine.models.parts.ials import LowRank, LowRankConfig
from recengine.models.parts.sessions import sitting_sums
from recengine.runtime.resources import memory_bytes

GENRES = ("genre", "year_bin", DECLARED)
SIDE_BY_SIDE = 2  # closed forms: of everything, and of the past that recency replays
BLOCK = 4096  # most users whose best are found at a time


class RankingConfig(BaseModel):
    """Knobs of the ranking; defaults chosen on validation parts of ml-100k and ml-latest-small."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ridge: float = Field(350.0, gt=0, description="Penalty on the closed form's weights, in ratings")
    genre_weight: float = Field(
        3.0, ge=0, description="Weight of a genre's row in the closed form; 0 leaves genres and years out"
    )
    session_share: float = Field(0.9, ge=0, le=1, description="Share of a pair's weight tied to one sitting")
    session_hours: float = Field(0.2, gt=0, description="Time scale of a sitting")
    min_ratings: int = Field(3, ge=1, description="Movies with fewer ratings are left to the prior")
    most_movies: int = Field(4_000, ge=1, description="Most movies in the closed form: the most rated ones")
    low_rank_weight: float = Field(1.0, ge=0, description="Weight of the low-rank part; 0 leaves it out")
    low_rank: LowRankConfig = LowRankConfig()
    prior: PriorConfig = PriorConfig()

    def bounded(self, most_work: int) -> Self:
        """The same recipe with no more work on its low-rank part."""
        low_rank = {"most_work": min(self.low_rank.most_work, most_work)}
        return self.model_copy(update={"low_rank": self.low_rank.model_copy(update=low_rank)})


class Ranking:
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
        self.low_rank = LowRank(self.config.low_rank, seed)
        self.prior = Prior(self.config.prior)
        self._start: torch.Tensor | None = None  # row codes that the next fit begins with, (U + C, K)
        self._catalogue: Catalogue | None = None  # with this lift, where it has been asked for
        self._lift: np.ndarray | None = None

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Fit the three parts on all ratings."""
        config, self._catalogue = self.config, None
        self.order = Order.of(snapshot, config.min_ratings)
        rows = rows_of(snapshot, self.order, np.arange(snapshot.users))
        genres = snapshot.movie_group(*(GENRES if config.genre_weight else ()))
        genres = genres[self.order.movies[: self.order.coded]]  # (coded, C)
        self.prior.fit(snapshot)
        if config.low_rank_weight:
            stacked = csr_array(vstack([rows.rated, genres.T], format="csr"))  # (U + C, coded)
            start = self._start if self._start is not None and len(self._start) == stacked.shape[0] else None
            self.low_rank.fit(stacked, start=start, device=device, on_progress=on_progress)
        on_progress("closed form", 0, 1)
        head = min(self.wanted, solvable(SIDE_BY_SIDE))
        self.weights = zero_diagonal_ridge(
            self._gram(rows, genres[:head]), config.ridge, outputs=head, device=device
        )
        on_progress("closed form", 1, 1)
        return self

    @property
    def wanted(self) -> int:
        """How many movies the closed form covers where the memory suffices."""
        return min(self.order.coded, self.config.most_movies)

    def _gram(self, rows: RatedRows, genres: csr_array) -> np.ndarray:
        """The closed form's pairs, (H, H): of common raters, of sittings and, as (H, C), of genres."""
        config, head = self.config, genres.shape[0]
        gram = common_raters(rows.rated, head)
        gram *= np.float32(1 - config.session_share)
        if config.session_share:
            near = sitting_sums(rows.rated, rows.rated_at, config.session_hours, head)
            near *= np.float32(config.session_share)
            gram += near
            del near
        add_features(gram, genres, config.genre_weight)
        return gram

    def start_from(self, earlier: Self, users: np.ndarray, known: int) -> None:
        """Let the next fit begin with the low-rank codes of an earlier one.

        ``users`` as in ``base.Start``; ``known`` is how many users the earlier one had: genres follow them. Where
        the data has other genres or years than then, the low-rank part begins anew.
        """
        rows = earlier.low_rank.users
        genres = np.arange(known, len(rows))
        self._start = moved(rows, np.concatenate([users, genres]))

    def score(self, snapshot: Snapshot, users: np.ndarray, lift: np.ndarray | None = None) -> np.ndarray:
        """Scores of users (B,), float32 of shape (B, M); a user's do not depend on the others.

        With a lift, of shape (M,), it is added to each user's scores after these are standardised.
        """
        return self._block(snapshot, users, lift).scores()[:, self.order.number]

    def best(
        self, snapshot: Snapshot, users: np.ndarray, n: int, lift: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The n best unseen movies of users (B,) by ``score``: falling scores and movies, both (B, n).

        -inf and -1 where nothing is left, NaN as the first score where one is not finite.
        """
        movies = np.append(self.order.movies, -1)
        values, columns = np.empty((len(users), n), np.float32), np.empty((len(users), n), np.int64)
        size = min(BLOCK, max(256, memory_bytes() // 32 // (4 * max(len(self.weights), 1))))
        for start in range(0, len(users), size):
            part = slice(start, start + size)
            seen = snapshot.ratings[users[part]]
            seen = csr_array((seen.data, self.order.number[seen.indices], seen.indptr), shape=seen.shape)
            block = self._block(snapshot, users[part], lift)
            values[part], columns[part] = block.best(seen, self.order.movies, n)
        return values, movies[columns]

    def _block(self, snapshot: Snapshot, users: np.ndarray, lift: np.ndarray | None) -> Block:
        left = self.prior.left(snapshot, users)
        if self.config.low_rank_weight:
            left = np.hstack([self.config.low_rank_weight * self.low_rank.users[users].numpy(), left])
        return Block(
            self._catalogue_lifted_by(lift),
            left=np.ascontiguousarray(left, dtype=np.float32),
            rows=rows_of(snapshot, self.order, users).rated,
        )

    def _catalogue_lifted_by(self, lift: np.ndarray | None) -> Catalogue:
        """The movies' side of all blocks: made once, because every block of users needs it again."""
        if self._catalogue is None or not _equal(self._lift, lift):
            right = self.prior.weights[:, self.order.movies]
            if self.config.low_rank_weight:
                codes = np.zeros((self.config.low_rank.factors, right.shape[1]), dtype=np.float32)
                codes[:, : self.order.coded] = self.low_rank.movies.numpy().T
                right = np.vstack([codes, right])
            ordered = None if lift is None else lift[self.order.movies].astype(np.float32)
            self._catalogue, self._lift = Catalogue(right, self.weights, ordered), lift
        return self._catalogue

    def state(self) -> dict[str, torch.Tensor]:
        """The learned tensors by name."""
        own = {
            "movies": torch.from_numpy(self.order.movies),
            "coded": torch.tensor(self.order.coded),
            "weights": torch.from_numpy(self.weights),
        }
        parts = {"prior": self.prior.state(), "low_rank": self.low_rank.state()}
        return own | {f"{part}.{name}": t for part, state in parts.items() for name, t in state.items()}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self._catalogue = None
        self.order = Order.from_movies(state["movies"].numpy(), int(state["coded"]))
        self.weights = state["weights"].numpy()
        self.prior.restore(part_of(state, "prior"))
        self.low_rank.restore(part_of(state, "low_rank"))
        return self


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))
