"""``ease``: the article's matrix [ratings | genres | attributes], solved as one shallow autoencoder."""

from __future__ import annotations

import copy
import logging
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array, hstack

from recengine.dataset import DECLARED, USER_GROUPS, Snapshot, columns_of, implicit_feedback
from recengine.models.base import Model, ModelConfig, OnProgress, silent
from recengine.models.kernels.cooccurrence import weighted_raters
from recengine.models.kernels.csr import pattern_of
from recengine.models.kernels.strongest import Asked, Linear, strongest
from recengine.models.parts.biases import BiasConfig, Biases
from recengine.models.parts.closed_form import (
    TOO_LITTLE_MEMORY,
    add_features,
    mean_count,
    solvable,
    user_weights,
    zero_diagonal_ridge,
)
from recengine.models.parts.ranking_reasons import named
from recengine.models.popularity import counts_of
from recengine.models.reasons import POPULARITY, Reasons
from recengine.models.shared import part_of
from recengine.models.spread import OverShards, Plan, total
from recengine.runtime.resources import MEMORY_LIMIT

log = logging.getLogger(__name__)

ATTRIBUTES = ("gender", "age_band", "occupation", DECLARED)
GENRES = ("genre", "year_bin", DECLARED)


class EaseConfig(ModelConfig):
    """The closed form's knobs; defaults chosen on validation parts of ml-100k and ml-latest-small."""

    ridge: float = Field(400.0, gt=0, description="Penalty on the weights, in ratings")
    genre_weight: float = Field(
        3.0, ge=0, description="Weight of genres, years and categories; 0 leaves them out"
    )
    attribute_weight: float = Field(0.5, ge=0, description="Weight of user attributes; 0 leaves them out")
    most_movies: int = Field(20_000, ge=1, description="Most movies in the closed form: the most rated ones")
    count_exponent: float = Field(0.5, ge=0, le=1, description="Users count (mean n / own n) ** this")
    biases: BiasConfig = Field(BiasConfig(), description="Predicted stars")


class Ease(OverShards, Model):
    """Each movie's column reconstructed from the other movies and the user's attributes, by ridge regression.

    Input row of a user: 1 for each rated movie, a 1, then the attributes. Each genre (and release-year bin)
    is an extra training row, a user who rated exactly that genre's movies: as input columns, the article's
    way, genre counts would contain the very rating that is to be predicted. The weights' diagonal over
    movies is 0, so that no movie predicts itself, and the solution is closed: no epochs, no random start.

    Notes
    -----
    Dense in the movies covered: 8 H^2 bytes while fitting (3.2 GB for 20,000 movies), time grows with H^3. They
    are the ``most_movies`` most rated, or as many of these as a quarter of the memory holds: two candidates
    are judged side by side. Every other movie is given the share of users who rated it, which estimates the
    same row of zeros and ones without knowing the user.

    References
    ----------
    H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019 (EASE); O. Jeunen, J. Van Balen
    and B. Goethals, "Closed-Form Models for Collaborative Filtering with Side-Information", RecSys 2020.
    """

    name: ClassVar[str] = "ease"
    from_zero: ClassVar[bool] = True
    Config: ClassVar[type[ModelConfig]] = EaseConfig

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__(config)
        self.covered = np.zeros(0, dtype=np.int64)  # (H,), ascending
        self.weights = np.zeros((0, 0), dtype=np.float32)  # (H + A, H)
        self.shares = np.zeros(0, dtype=np.float32)  # (M,), of the users who rated a movie
        self.biases = Biases(self.config.biases)

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Sum the Gram matrix and solve; the biases for predicted stars are fitted beside it."""
        on_progress("solving", 0, 1)
        beside = self._attributes(snapshot).shape[1]
        wanted = min(self.config.most_movies, snapshot.movies)
        head = min(wanted, max(solvable() - beside, 0))
        if head < wanted:
            log.warning(TOO_LITTLE_MEMORY, self.name, f"{head:,}", f"{wanted:,}", MEMORY_LIMIT)
        counts = total(snapshot, counts_of, {}, self.spread)
        self.shares = (counts / max(snapshot.users, 1)).astype(np.float32)
        self.covered = np.sort(np.argsort(-counts, kind="stable")[:head])
        self.weights = zero_diagonal_ridge(
            self._gram(snapshot), self.config.ridge, outputs=head, device=device
        )
        self.biases.fit(snapshot)
        on_progress("solving", 1, 1)
        return self

    def _gram(self, snapshot: Snapshot) -> NDArray[np.float32]:
        """Pairs of movies, the genres' rows, and the attributes with both, (H + A, H + A)."""
        config = self.config
        plan = {
            "covered": self.covered,
            "attribute_weight": config.attribute_weight,
            "count_exponent": config.count_exponent,
            "mean_count": mean_count(snapshot),
        }
        gram = total(snapshot, gram_of, plan, self.spread)
        add_features(gram, snapshot.movie_group(*GENRES)[self.covered], config.genre_weight)
        return gram

    def fold_in(self, snapshot: Snapshot, others: Snapshot) -> Self:
        """Exact: a user's scores are a function of their row; user biases as in a fit."""
        folded = copy.copy(self)
        folded.biases = self.biases.fold_in(others)
        return folded

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        """Reconstructed rows of a block of users, (B, M); a user's scores do not depend on the block."""
        rows = implicit_feedback(snapshot.ratings[users])[:, self.covered]
        inputs = hstack([rows, self._attributes(snapshot)[users]], format="csr")
        scores = np.tile(self.shares, (inputs.shape[0], 1))
        scores[:, self.covered] = inputs @ self.weights
        return torch.from_numpy(scores)

    def score_parts(
        self, snapshot: Snapshot, users: NDArray[np.int64], movies: NDArray[np.int64], k: int
    ) -> Reasons:
        """Weights from rated movies and attributes; of a movie that is not covered, how many rated it."""
        head, known = len(self.covered), np.maximum(movies, 0)
        place = np.full(snapshot.movies, -1)
        place[self.covered] = np.arange(head)
        inputs = self._attributes(snapshot)[users]
        columns = np.where(movies >= 0, place[known], -1)
        rated = csr_array(implicit_feedback(snapshot.ratings[users])[:, self.covered])
        asked = Asked(
            rated=pattern_of(rated),
            inputs=pattern_of(inputs),
            values=np.asarray(inputs.data, dtype=np.float32),
            scales=np.ones(len(users)),
            columns=columns,
            times=np.ones(movies.shape),
        )
        found = strongest(Linear.without_factors(self.weights[:head], self.weights[head:]), asked, k)
        places = np.array([-1, *columns_of(snapshot.user_columns, ATTRIBUTES, USER_GROUPS)])
        found = named(found, self.covered, places)
        shares = np.where((movies >= 0) & (columns < 0), self.shares[known], 0)
        return found.plus(POPULARITY, shares)

    def predict(
        self,
        snapshot: Snapshot,
        user_index: NDArray[np.integer[Any]],
        movie_index: NDArray[np.integer[Any]],
    ) -> NDArray[np.float32]:
        """Stars from user and movie biases: a shallow model is for ranking."""
        return self.biases.predict(user_index, movie_index)

    def state(self) -> dict[str, torch.Tensor]:
        """The movies covered, the weights, every movie's share and the biases."""
        arrays = {"covered": self.covered, "weights": self.weights, "shares": self.shares}
        biases = {f"biases.{name}": tensor for name, tensor in self.biases.state().items()}
        return {name: torch.from_numpy(array) for name, array in arrays.items()} | biases

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave; what release 0.1.0 stored covers every movie."""
        self.weights = state["weights"].numpy()
        movies = self.weights.shape[1]
        self.covered = state["covered"].numpy() if "covered" in state else np.arange(movies)
        self.shares = state["shares"].numpy() if "shares" in state else np.zeros(movies, dtype=np.float32)
        self.biases.restore(part_of(state, "biases"))
        return self

    def _attributes(self, snapshot: Snapshot) -> csr_array:
        return attributes_of(snapshot, self.config.attribute_weight)


def attributes_of(snapshot: Snapshot, weight: float) -> csr_array:
    """Input columns beside the movies, (U, A): a constant and the user's attributes."""
    constant = csr_array(np.ones((snapshot.users, 1), dtype=np.float32))
    columns = hstack([constant, snapshot.user_group(*ATTRIBUTES)], format="csr", dtype=np.float32)
    return csr_array(columns * np.float32(weight))


def gram_of(shard: Snapshot, plan: Plan) -> NDArray[np.float32]:
    """A shard's users' pairs of movies, and attributes with both and with each other, (H + A, H + A)."""
    covered = plan["covered"]
    head, inputs = len(covered), attributes_of(shard, float(plan["attribute_weight"]))
    user = user_weights(shard, float(plan["count_exponent"]), float(plan["mean_count"]))
    rows = shard.interactions[:, covered]
    gram = weighted_raters(rows, user, beside=inputs.shape[1])
    weighted = inputs.multiply(user[:, None]).tocsr()
    gram[:head, head:] = (rows.T @ weighted).toarray()
    gram[head:, :head] = gram[:head, head:].T
    gram[head:, head:] = (inputs.T @ weighted).toarray()
    return gram
