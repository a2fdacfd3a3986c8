"""Movies rated by the same people: the neighbours published as ``similar_movies``."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from recengine.dataset import Snapshot
from recengine.models.kernels.compiled import COMPILED, REORDERED
from recengine.models.kernels.cooccurrence import common_raters
from recengine.models.kernels.popular_first import Order, rows_of
from recengine.models.parts.gram import solvable
from recengine.runtime.threads import in_parts

SCHEMA = pa.schema(
    [
        ("movie_id", pa.int64()),
        ("rank", pa.int32()),
        ("similar_movie_id", pa.int64()),
        ("score", pa.float32()),
    ]
)

# Common raters are worth n / (n + this): two movies that one person rated are not alike for it.
SHRINKAGE = np.float32(10)

HEAD = 4_000  # most movies whose pairs are counted by bitmaps: rarer ones are quicker counted one by one
PART = 64  # movies that one thread counts at a time
CHUNK = 64  # movies scored together: seldom does one of them belong to the best


def similar_movies(snapshot: Snapshot, n: int) -> pa.Table:
    """The n nearest neighbours of every movie by shrunken cosine of who rated them.

    Parameters
    ----------
    snapshot : Snapshot
        U users, M movies.
    n : int
        Neighbours per movie; fewer where fewer movies share a rater.

    Returns
    -------
    Table
        Columns of ``SCHEMA``, ordered by movie and rank; score in (0, 1), ties broken by movie id.

    Notes
    -----
    Cosine over the users x movies matrix of ones, times n_ij / (n_ij + 10) for n_ij common raters
    (significance weighting: Herlocker et al., "An algorithmic framework for performing collaborative
    filtering", SIGIR 1999).
    """
    order = Order.of(snapshot, 1)
    rated = rows_of(snapshot, order, np.arange(snapshot.users)).rated  # (U, C), C movies with ratings
    by_movie = rated.T.tocsr()
    norms = np.sqrt(np.diff(by_movie.indptr)).astype(np.float32)  # (C,)
    head = common_raters(rated, min(HEAD, len(norms), solvable()))
    n = min(n, snapshot.movies)
    values, columns = np.zeros((snapshot.movies, n), np.float32), np.zeros((snapshot.movies, n), np.int64)
    both = [(np.asarray(m.indptr, np.int64), np.asarray(m.indices, np.int32)) for m in (by_movie, rated)]
    given = (*both[0], *both[1], head, 1 / norms, order.movies, values, columns)
    in_parts(lambda first, last: _neighbours(first, last, *given), len(norms), PART)
    kept = values > 0
    ranks = np.cumsum(kept, axis=1, dtype=np.int32)
    return pa.table(
        [
            snapshot.movie_ids[kept.nonzero()[0]],
            ranks[kept],
            snapshot.movie_ids[columns[kept]],
            values[kept],
        ],
        schema=SCHEMA,
    )


@COMPILED
def _neighbours(
    first: int,
    last: int,
    movie_indptr: np.ndarray,
    raters: np.ndarray,
    user_indptr: np.ndarray,
    rated: np.ndarray,
    head: np.ndarray,
    inverse: np.ndarray,
    movies: np.ndarray,
    values: np.ndarray,
    columns: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Fill falling ``values`` and their ``columns``, both (M, n), for the first .. last most rated movies."""
    common = np.zeros(len(inverse), dtype=np.int32)
    for own in range(first, last):
        found = (inverse, movies, values[movies[own]], columns[movies[own]])
        counted = 0
        if own < len(head):
            counted = len(head)
            for other in range(counted):
                common[other] = head[own, other]
            _take(own, 0, counted, common, *found)
            if not _may_follow(own, counted, inverse, found[2][-1]):
                continue
        for rater in raters[movie_indptr[own] : movie_indptr[own + 1]]:
            start, stop = user_indptr[rater], user_indptr[rater + 1]
            if counted:
                start += np.searchsorted(rated[start:stop], counted)
            for entry in range(start, stop):
                common[rated[entry]] += 1
        _take(own, counted, len(common), common, *found)


@COMPILED
def _may_follow(
    own: int, first: int, inverse: np.ndarray, least: float
) -> bool:  # pragma: no cover - compiled
    """Whether a movie from ``first`` on, all rarer than those before, can reach a score at all."""
    if first == len(inverse):
        return False
    most = np.float32(1 / inverse[first] ** 2)  # its raters, if all of them are common
    return most * inverse[own] * inverse[first] * (most / (most + SHRINKAGE)) >= least * np.float32(0.999)


@COMPILED
def _take(
    own: int,
    first: int,
    last: int,
    common: np.ndarray,
    inverse: np.ndarray,
    movies: np.ndarray,
    values: np.ndarray,
    columns: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Keep the best of the movies first .. last, and set their counts back to 0."""
    common[own] = 0
    scores = np.empty(CHUNK, dtype=np.float32)
    for start in range(first, last, CHUNK):
        chunk = common[start : min(start + CHUNK, last)]
        highest = _score(chunk, inverse[own], inverse[start:last], scores)
        if highest > 0 and highest >= values[-1]:
            for at in range(len(chunk)):
                if scores[at] > 0:
                    _insert(scores[at], movies[start + at], values, columns)
        chunk[:] = 0


@REORDERED
def _score(
    common: np.ndarray, own: float, others: np.ndarray, scores: np.ndarray
) -> np.float32:  # pragma: no cover - compiled
    """Scores of a chunk of movies by their numbers of common raters; the highest of them."""
    highest = np.float32(0)
    for at in range(len(common)):
        shared = np.float32(common[at])
        scores[at] = shared * own * others[at] * (shared / (shared + SHRINKAGE))
        highest = max(highest, scores[at])
    return highest


@COMPILED
def _insert(
    score: float, movie: int, values: np.ndarray, columns: np.ndarray
) -> None:  # pragma: no cover - compiled
    """Put a neighbour into its place, of equal scores the smaller index first; the last one falls out."""
    place = len(values) - 1
    if score < values[place] or (score == values[place] and movie > columns[place]):
        return
    while place > 0 and (
        score > values[place - 1] or (score == values[place - 1] and movie < columns[place - 1])
    ):
        values[place], columns[place] = values[place - 1], columns[place - 1]
        place -= 1
    values[place], columns[place] = score, movie
