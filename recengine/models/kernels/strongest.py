"""The parts of linear models' scores, input by input, of which the strongest are kept and the others added up.

A score is ``sum_i (W[i, m] f_m - w_i) + lambda sum_i v_i' A^-1 (v_m f_m - c)`` over the movies i that the user
rated, plus ``sum_a x_a (X[a, m] f_m - x_a)`` over the other inputs, all times the user's scale. The second sum is a
user's code, a ridge regression on the movies' codes, taken apart: Y. Hu, Y. Koren and C. Volinsky, "Collaborative
Filtering for Implicit Feedback Datasets", ICDM 2008, section 5.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recengine.models.kernels.compiled import COMPILED
from recengine.models.kernels.csr import Pattern
from recengine.models.reasons import ATTRIBUTE, MOVIE, Reasons
from recengine.runtime.threads import in_parts

PART = 64  # users that one thread explains at a time
TARGETS = 32  # movies whose parts lie in memory together


class Linear(NamedTuple):
    """A model's side; H rows of weights, A other inputs, K factors, columns as the model orders its movies.

    Attributes
    ----------
    weights : ndarray of float32, shape (H, C)
        Movies and columns beyond it have none.
    means : ndarray of float64, shape (H,)
        w: what is taken from each, 0 where scores are not centred.
    inputs : ndarray of float32, shape (A, D)
    input_means : ndarray of float64, shape (A,)
    factors : ndarray of float64, shape (F, K)
        v; (0, 0) without a low-rank part.
    centre : ndarray of float64, shape (K,)
    base : ndarray of float64, shape (K, K)
        What every A has.
    ridge : tuple of float
        On A's diagonal: this for each rated movie, and this.
    low_rank : float
        lambda.
    """

    weights: NDArray[np.float32]
    means: NDArray[np.float64]
    inputs: NDArray[np.float32]
    input_means: NDArray[np.float64]
    factors: NDArray[np.float64]
    centre: NDArray[np.float64]
    base: NDArray[np.float64]
    ridge: tuple[float, float]
    low_rank: float

    @classmethod
    def without_factors(cls, weights: NDArray[np.float32], inputs: NDArray[np.float32]) -> Self:
        """Of weights alone, not centred."""
        none = np.zeros((0, 0))
        zeros = np.zeros(len(weights)), np.zeros(len(inputs))
        return cls(weights, zeros[0], inputs, zeros[1], none, none[0:0].ravel(), none, (0.0, 0.0), 0.0)


class Asked(NamedTuple):
    """Of B users: what they rated, their other inputs, their scale, and whose scores are asked for.

    Attributes
    ----------
    rated, inputs : Pattern
    values : ndarray of float32, shape (nnz of inputs,)
    scales : ndarray of float64, shape (B,)
    columns : ndarray of int64, shape (B, n)
        -1 where there is no movie.
    times : ndarray of float64, shape (B, n)
        f of each.
    """

    rated: Pattern
    inputs: Pattern
    values: NDArray[np.float32]
    scales: NDArray[np.float64]
    columns: NDArray[np.int64]
    times: NDArray[np.float64]


def strongest(model: Linear, asked: Asked, k: int) -> Reasons:
    """The k strongest parts of every score asked for; ``about`` counts rows of weights, and of inputs."""
    found = Reasons.nothing(asked.columns.shape, k)
    in_parts(lambda first, last: _explain(first, last, model, asked, found), len(asked.columns), PART)
    return found


@COMPILED
def _keep(
    part: float, kind: int, about: int, found: Reasons, user: int, at: int
) -> None:  # pragma: no cover - compiled
    """Put a part among a score's strongest, or into its rest."""
    parts = found.parts[user, at]
    found.sizes[user, at] += abs(part)
    place = len(parts)
    while place > 0 and part > parts[place - 1]:
        place -= 1
    if place == len(parts):
        found.rest[user, at] += part
        return
    found.rest[user, at] += parts[-1]
    for other in range(len(parts) - 1, place, -1):
        parts[other] = parts[other - 1]
        found.kinds[user, at, other] = found.kinds[user, at, other - 1]
        found.about[user, at, other] = found.about[user, at, other - 1]
    parts[place] = part
    found.kinds[user, at, place] = kind
    found.about[user, at, place] = about


@COMPILED
def _low_rank(
    user: int, own: NDArray[np.float64], model: Linear, asked: Asked, first: int, size: int
) -> NDArray[np.float64]:  # pragma: no cover - compiled
    """What each rated movie's code adds to some targets, (rated, size)."""
    k = model.factors.shape[1]
    if not k or not len(own):
        return np.zeros((len(own), size))
    normal = np.dot(own.T, own)
    for i in range(k):
        for j in range(k):
            normal[i, j] += model.base[i, j]
        normal[i, i] += model.ridge[0] * len(own) + model.ridge[1]
    toward = np.empty((k, size))
    for at in range(size):
        column = asked.columns[user, first + at]
        for i in range(k):
            toward[i, at] = -model.centre[i]
            if 0 <= column < len(model.factors):
                toward[i, at] += model.factors[column, i] * asked.times[user, first + at]
    parts: NDArray[np.float64] = np.dot(own, np.linalg.solve(normal, toward)) * model.low_rank
    return parts


@COMPILED
def _explain(
    start: int, stop: int, model: Linear, asked: Asked, found: Reasons
) -> None:  # pragma: no cover - compiled
    head, width = model.weights.shape
    for user in range(start, stop):
        begin, end = asked.rated.indptr[user], asked.rated.indptr[user + 1]
        own = np.zeros((end - begin, model.factors.shape[1]))
        for entry in range(begin, end):
            if asked.rated.columns[entry] < len(model.factors):
                own[entry - begin] = model.factors[asked.rated.columns[entry]]
        for first in range(0, asked.columns.shape[1], TARGETS):
            size = min(TARGETS, asked.columns.shape[1] - first)
            parts = _low_rank(user, own, model, asked, first, size)
            for entry in range(begin, end):
                movie = asked.rated.columns[entry]
                for at in range(size):
                    column = asked.columns[user, first + at]
                    if column < 0:
                        continue
                    part = parts[entry - begin, at]
                    if movie < head:
                        part -= model.means[movie]
                        if column < width:
                            part += model.weights[movie, column] * asked.times[user, first + at]
                    _keep(part * asked.scales[user], MOVIE, movie, found, user, first + at)
        _explain_inputs(user, model, asked, found)


@COMPILED
def _explain_inputs(
    user: int, model: Linear, asked: Asked, found: Reasons
) -> None:  # pragma: no cover - compiled
    for entry in range(asked.inputs.indptr[user], asked.inputs.indptr[user + 1]):
        row = asked.inputs.columns[entry]
        for at in range(asked.columns.shape[1]):
            column = asked.columns[user, at]
            if column < 0:
                continue
            part = -model.input_means[row]
            if column < model.inputs.shape[1]:
                part += model.inputs[row, column] * asked.times[user, at]
            _keep(part * asked.values[entry] * asked.scales[user], ATTRIBUTE, row, found, user, at)
