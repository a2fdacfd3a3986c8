"""Movies rated by the same people: every movie's nearest neighbours."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED, REORDERED
from recengine.models.kernels.cooccurrence import common_raters
from recengine.models.kernels.csr import Pattern, pattern_of
from recengine.models.kernels.insertion import insert
from recengine.models.kernels.topn import Lists, empty_lists
from recengine.runtime.resources import memory_bytes
from recengine.runtime.threads import in_parts

# Common raters are worth n / (n + this): two movies that one person rated are not alike for it.
SHRINKAGE = np.float32(10)

HEAD = 4_000  # most movies whose pairs are counted by bitmaps: rarer ones are quicker counted one by one
HEAD_SHARE = 32  # ... and no more than this part of the memory holds the counts of
PART = 64  # movies that one thread counts at a time
CHUNK = 64  # movies scored together: seldom does one of them belong to the best


def nearest_movies(rated: csr_array, movies: NDArray[np.int64], n: int) -> Lists:
    """The n nearest neighbours of every movie by shrunken cosine of who rated them.

    Parameters
    ----------
    rated : csr_array, shape (U, C)
        A stored entry is a rating; the columns are the C movies with ratings from the most to the least rated
        one, as ``popular_first`` gives them.
    movies : ndarray of int64, shape (M,)
        The movies' indices in that order, those without ratings last.
    n : int
        Neighbours per movie; fewer where fewer movies share a rater.

    Returns
    -------
    Lists
        Of M movies; values in (0, 1), ids are movie indices, -inf and -1 where no further movie shares a rater.

    Notes
    -----
    Cosine over the users x movies matrix of ones, times n_ij / (n_ij + 10) for n_ij common raters
    (significance weighting: Herlocker et al., "An algorithmic framework for performing collaborative
    filtering", SIGIR 1999).
    """
    by_movie = rated.T.tocsr()
    norms = np.sqrt(np.diff(by_movie.indptr)).astype(np.float32)  # (C,)
    head = min(HEAD, len(norms), math.isqrt(memory_bytes() // HEAD_SHARE // 4))
    counts, inverse = common_raters(rated, head), 1 / norms
    raters, rows = pattern_of(by_movie), pattern_of(rated)
    lists = empty_lists(len(movies), min(n, len(movies)))
    in_parts(
        lambda first, last: _neighbours(first, last, raters, rows, counts, inverse, movies, lists),
        len(norms),
        PART,
    )
    return lists


@COMPILED
def _neighbours(
    first: int,
    last: int,
    raters: Pattern,
    rated: Pattern,
    head: NDArray[np.float32],
    inverse: NDArray[np.float32],
    movies: NDArray[np.int64],
    lists: Lists,
) -> None:  # pragma: no cover - compiled
    """Fill the lists of the first .. last most rated movies.

    The head's common raters stand in ``head``; those of rarer movies are counted along their raters' rows.
    """
    common = np.zeros(len(inverse), dtype=np.int32)
    for movie in range(first, last):
        values, listed = lists.values[movies[movie]], lists.ids[movies[movie]]
        counted = 0
        if movie < len(head):
            counted = len(head)
            for other in range(counted):
                common[other] = head[movie, other]
            _take(movie, 0, counted, common, inverse, movies, values, listed)
            if not _may_follow(movie, counted, inverse, values[-1]):
                continue
        for rater in raters.columns[raters.indptr[movie] : raters.indptr[movie + 1]]:
            start, stop = rated.indptr[rater], rated.indptr[rater + 1]
            if counted:
                start += np.searchsorted(rated.columns[start:stop], counted)
            for entry in range(start, stop):
                common[rated.columns[entry]] += 1
        _take(movie, counted, len(common), common, inverse, movies, values, listed)


@COMPILED
def _may_follow(
    movie: int, first: int, inverse: NDArray[np.float32], least: float
) -> bool:  # pragma: no cover - compiled
    """Whether a movie from ``first`` on, all rarer than those before, can reach a score at all."""
    if first == len(inverse):
        return False
    most = np.float32(1 / inverse[first] ** 2)  # its raters, if all of them are common
    score = most * inverse[movie] * inverse[first] * (most / (most + SHRINKAGE))
    return bool(score >= least * np.float32(0.999))


@COMPILED
def _take(
    movie: int,
    first: int,
    last: int,
    common: NDArray[np.int32],
    inverse: NDArray[np.float32],
    movies: NDArray[np.int64],
    values: NDArray[np.float32],
    listed: NDArray[np.int64],
) -> None:  # pragma: no cover - compiled
    """Keep the best of the movies first .. last, and set their counts back to 0."""
    common[movie] = 0
    scores = np.empty(CHUNK, dtype=np.float32)
    for start in range(first, last, CHUNK):
        chunk = common[start : min(start + CHUNK, last)]
        highest = _score(chunk, inverse[movie], inverse[start:last], scores)
        if highest > 0 and highest >= values[-1]:
            for at in range(len(chunk)):
                if scores[at] > 0:
                    insert(scores[at], movies[start + at], values, listed)
        chunk[:] = 0


@REORDERED
def _score(
    common: NDArray[np.int32], inverse: float, others: NDArray[np.float32], scores: NDArray[np.float32]
) -> np.float32:  # pragma: no cover - compiled
    """Scores of a chunk of movies by their numbers of common raters; the highest of them."""
    highest = np.float32(0)
    for at in range(len(common)):
        shared = np.float32(common[at])
        scores[at] = shared * inverse * others[at] * (shared / (shared + SHRINKAGE))
        highest = max(highest, scores[at])
    return highest
