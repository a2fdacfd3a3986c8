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
    parts: NDArray[np.float64],
    kind: int,
    about: NDArray[np.int32],
    scale: float,
    found: Reasons,
    place: tuple[int, int],
) -> None:  # pragma: no cover - compiled
    """Put the strongest of a score's parts, (P,), of things (P,), among those found, and the others into its rest."""
    user, at = place
    kept, kinds, abouts = found.parts[user, at], found.kinds[user, at], found.about[user, at]
    last = len(kept) - 1
    least = kept[last] if last >= 0 else np.inf
    total, size, before = 0.0, 0.0, kept.sum()
    for i in range(len(parts)):
        part = parts[i] * scale
        total += part
        size += abs(part)
        if part > least:
            to = last
            while to > 0 and part > kept[to - 1]:
                kept[to], kinds[to], abouts[to] = kept[to - 1], kinds[to - 1], abouts[to - 1]
                to -= 1
            kept[to], kinds[to], abouts[to] = part, kind, about[i]
            least = kept[last]
    found.rest[user, at] += total + before - kept.sum()
    found.sizes[user, at] += size


@COMPILED
def _low_rank(
    model: Linear, rated: NDArray[np.int32], columns: NDArray[np.int64], times: NDArray[np.float64]
) -> NDArray[np.float64]:  # pragma: no cover - compiled
    """What each rated movie's code adds to some targets, (targets, rated)."""
    k = model.factors.shape[1]
    own = np.zeros((len(rated), k))
    for entry in range(len(rated)):
        if rated[entry] < len(model.factors):
            own[entry] = model.factors[rated[entry]]
    normal = np.dot(own.T, own)
    for i in range(k):
        for j in range(k):
            normal[i, j] += model.base[i, j]
        normal[i, i] += model.ridge[0] * len(own) + model.ridge[1]
    toward = np.empty((k, len(columns)))
    for at in range(len(columns)):
        for i in range(k):
            toward[i, at] = -model.centre[i]
            if 0 <= columns[at] < len(model.factors):
                toward[i, at] += model.factors[columns[at], i] * times[at]
    parts: NDArray[np.float64] = np.dot(np.linalg.solve(normal, toward).T, own.T) * model.low_rank
    return parts


@COMPILED
def _of_weights(
    rows: tuple[NDArray[np.float32], NDArray[np.float64]],
    inputs: NDArray[np.int32],
    columns: NDArray[np.int64],
    times: NDArray[np.float64],
    parts: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    """Add what inputs' weights and their means say of some targets to parts (targets, inputs)."""
    weights, means = rows
    height, width = weights.shape
    there, much = np.zeros(len(columns), dtype=np.int64), np.zeros(len(columns))
    for at in range(len(columns)):
        if 0 <= columns[at] < width:
            there[at], much[at] = columns[at], times[at]
    for entry in range(len(inputs)):
        row = inputs[entry]
        if row < height:
            own, mean = weights[row], means[row]
            for at in range(len(columns)):
                parts[at, entry] += own[there[at]] * much[at] - mean


@COMPILED
def _explain(
    start: int, stop: int, model: Linear, asked: Asked, found: Reasons
) -> None:  # pragma: no cover - compiled
    for user in range(start, stop):
        rated = asked.rated.columns[asked.rated.indptr[user] : asked.rated.indptr[user + 1]]
        begin, end = asked.inputs.indptr[user], asked.inputs.indptr[user + 1]
        others = asked.inputs.columns[begin:end]
        for first in range(0, asked.columns.shape[1], TARGETS):
            columns = asked.columns[user, first : first + TARGETS]
            times = asked.times[user, first : first + TARGETS]
            parts = np.zeros((len(columns), len(rated)))
            if model.factors.shape[1] and len(rated):
                parts = _low_rank(model, rated, columns, times)
            _of_weights((model.weights, model.means), rated, columns, times, parts)
            besides = np.zeros((len(columns), len(others)))
            _of_weights((model.inputs, model.input_means), others, columns, times, besides)
            for at in range(len(columns)):
                if columns[at] >= 0:
                    place = (user, first + at)
                    _keep(parts[at], MOVIE, rated, asked.scales[user], found, place)
                    weighed = besides[at] * asked.values[begin:end]
                    _keep(weighed, ATTRIBUTE, others, asked.scales[user], found, place)
