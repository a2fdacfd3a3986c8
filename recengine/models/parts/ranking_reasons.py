"""Which parts the ranking's scores consist of: by rated movie, by attribute, and what popularity alone says.

The closed form's are its weights, the low-rank part's follow from the ridge regression that a user's code is, and the
prior's are its weights times what the user is. Where scores are standardised, each part is counted from what it adds
to the average movie, so that nothing but the user's scale is left of it.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.dataset import USER_GROUPS, Snapshot, columns_of
from recengine.models.kernels.csr import pattern_of
from recengine.models.kernels.popular_first import Order, RatedRows
from recengine.models.kernels.strongest import Asked, Linear, strongest
from recengine.models.parts.attribute_prior import ATTRIBUTES, AttributePrior
from recengine.models.reasons import ATTRIBUTE, MOVIE, POPULARITY, Reasons


class Takeable(Protocol):
    """What is asked of a ``Ranking``."""

    config: Any
    order: Order
    weights: NDArray[np.float32]
    low_rank: Any  # ImplicitALS, which knows models
    prior: AttributePrior
    factors: NDArray[np.float32] | None
    known: Known

    def rows(self, snapshot: Snapshot, users: NDArray[np.int64]) -> RatedRows:
        """Which warm movies users rated."""


class Known:
    """What explaining needs again: the movies' side, and the users' scales that were met while lists were made."""

    def __init__(self) -> None:
        self._scales: tuple[tuple[Any, ...], NDArray[np.float64]] | None = None
        self._linear: tuple[tuple[Any, ...], Linear] | None = None

    def scales_in(self, ranking: Takeable, snapshot: Snapshot) -> NDArray[np.float64]:
        """Each user's scale, (U,), to be filled in; NaN where none was met."""
        key = (snapshot, ranking.weights, ranking.factors, ranking.low_rank.users)
        if self._scales is None or not _same(self._scales[0], key):
            self._scales = (key, np.full(snapshot.users, np.nan))
        return self._scales[1]

    def linear_of(self, ranking: Takeable, *, centred: bool) -> Linear:
        """As ``linear_of``, made once."""
        key = (ranking.weights, ranking.factors, ranking.low_rank.movies, centred)
        if self._linear is None or not _same(self._linear[0], key):
            self._linear = (key, linear_of(ranking, centred=centred))
        return self._linear[1]


def _same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return all(a is b for a, b in zip(one, other, strict=True))


def linear_of(ranking: Takeable, *, centred: bool) -> Linear:
    """The movies' side of every score; ``centred`` where scores are standardised."""
    order, config, low_rank = ranking.order, ranking.config, ranking.low_rank
    movies, head = len(order.movies), len(ranking.weights)
    times = np.ones(movies) if ranking.factors is None else ranking.factors[order.movies].astype(np.float64)
    prior = ranking.prior.weights[:, order.movies]
    factors = np.zeros((0, 0))
    if config.low_rank_weight:
        factors = np.ascontiguousarray(low_rank.movies.numpy(), dtype=np.float64)  # (warm, K)
    share = (1.0 if centred else 0.0) / max(movies, 1)
    unrated = low_rank.unrated_weight
    return Linear(
        weights=ranking.weights,
        means=np.asarray(ranking.weights @ times[:head]) * share,
        inputs=np.ascontiguousarray(prior),
        input_means=np.asarray(prior @ times) * share,
        factors=factors,
        centre=np.asarray(times[: len(factors)] @ factors) * share,
        base=unrated * (factors.T @ factors),
        ridge=(low_rank.config.ridge, low_rank.config.ridge * unrated * len(factors)),
        low_rank=float(config.low_rank_weight),
    )


def reasons_of(
    ranking: Takeable,
    snapshot: Snapshot,
    asked: tuple[NDArray[np.int64], NDArray[np.int64]],
    k: int,
    scales: NDArray[np.float64] | None,
) -> Reasons:
    """The k strongest parts of the scores of users (B,) for movies (B, n).

    With each user's scale, (B,), of scores that are standardised.
    """
    (users, movies), order = asked, ranking.order
    columns = np.where(movies >= 0, order.number[np.maximum(movies, 0)], -1).astype(np.int64)
    times = np.ones(movies.shape)
    if ranking.factors is not None:
        times = ranking.factors[np.maximum(movies, 0)].astype(np.float64)
    inputs = csr_array(ranking.prior.left(snapshot, users))
    found = strongest(
        ranking.known.linear_of(ranking, centred=scales is not None),
        Asked(
            rated=pattern_of(ranking.rows(snapshot, users).rated),
            inputs=pattern_of(inputs),
            values=np.asarray(inputs.data, dtype=np.float32),
            scales=np.ones(len(users)) if scales is None else scales,
            columns=columns,
            times=times,
        ),
        k,
    )
    attributes = np.array([-1, *columns_of(snapshot.user_columns, ATTRIBUTES, USER_GROUPS)])
    return named(found, order.movies, attributes)


def named(found: Reasons, movies: NDArray[np.int64], attributes: NDArray[np.int64]) -> Reasons:
    """With indices of movies, and places of attributes, of which -1 stands for the constant: popularity."""
    about, kinds = found.about.copy(), found.kinds.copy()
    rated, others = kinds == MOVIE, kinds == ATTRIBUTE
    about[rated] = movies[about[rated]]
    about[others] = attributes[about[others]]
    kinds[others & (about < 0)] = POPULARITY
    return found._replace(about=about, kinds=kinds)
