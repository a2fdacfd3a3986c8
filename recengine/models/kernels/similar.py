"""Movies rated by the same people: every movie's nearest neighbours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED, REORDERED
from recengine.models.kernels.csr import Pattern, pattern_of
from recengine.models.kernels.insertion import insert
from recengine.models.kernels.topn import Lists, empty_lists
from recengine.models.kernels.vertical_counters import LEVELS, WORD, bits_of, count_set
from recengine.runtime.resources import memory_bytes
from recengine.runtime.threads import in_parts

# Common raters are worth n / (n + this): two movies that one person rated are not alike for it.
SHRINKAGE = np.float32(10)

BAND = 2_048  # movies whose common raters are counted together
BANDS = 6  # most bands whose movies have a bit per user: rarer ones are counted along the users' rows
BITS_SHARE = 32  # ... and no more than this part of the memory holds the bits
PART = 16  # movies that one thread finds the neighbours of at a time
CHUNK = 64  # movies scored together: seldom does one of them belong to the best


class Ratings(NamedTuple):
    """Who rated what, in three layouts.

    Attributes
    ----------
    raters, rated : Pattern
        By movie and by user.
    bits : ndarray of uint32
        Of the leading movies, a bit per user's row, in bands of ``band`` movies.
    band : int
    """

    raters: Pattern
    rated: Pattern
    bits: NDArray[np.uint32]
    band: int


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
    return nearest_of(layouts_of(rated), movies, n, range(rated.shape[1]))


def layouts_of(rated: csr_array) -> Ratings:
    """Who rated what, (U, C), as ``nearest_of`` reads it; how many bits there are is for the memory to say."""
    by_movie, (users, movies) = rated.T.tocsr(), rated.shape
    affordable = memory_bytes() // BITS_SHARE * 8 // (BAND * max(users, 1))
    bands = min(BANDS, affordable, -(-movies // BAND))
    rows = pattern_of(rated)
    return Ratings(pattern_of(by_movie), rows, bits_of(rows, bands * BAND), BAND)


def nearest_of(ratings: Ratings, movies: NDArray[np.int64], n: int, chosen: range) -> Lists:
    """``nearest_movies`` of some movies, by their places among the most rated ones; nothing of the others."""
    inverse = np.reciprocal(np.sqrt(np.diff(ratings.raters.indptr)).astype(np.float32))  # (C,)
    lists = empty_lists(len(movies), min(n, len(movies)))
    begin = chosen.start
    in_parts(
        lambda first, last: _neighbours(begin + first, begin + last, ratings, inverse, movies, lists),
        len(chosen),
        PART,
    )
    return lists


@COMPILED
def _neighbours(
    first: int,
    last: int,
    ratings: Ratings,
    inverse: NDArray[np.float32],
    movies: NDArray[np.int64],
    lists: Lists,
) -> None:  # pragma: no cover - compiled
    """Fill the lists of the first .. last most rated movies.

    Band by band, first a movie's own, then the more and the less popular ones: soon a band can add nothing.
    """
    raters, bits, size = ratings.raters, ratings.bits, ratings.band
    bands, planes = bits.shape[1] * WORD // size, np.empty((LEVELS + 1, size // WORD), dtype=np.uint32)
    common = np.zeros(max(bands * size, len(inverse)), dtype=np.int32)
    for movie in range(first, last):
        values, listed = lists.values[movies[movie]], lists.ids[movies[movie]]
        people = raters.columns[raters.indptr[movie] : raters.indptr[movie + 1]]
        own = min(movie // size, bands)
        for number in range(bands + 1):
            band = own - number if number <= own else number
            start, stop = band * size, min((band + 1) * size, len(inverse))
            if band == bands:
                stop = len(inverse)
            if start >= stop or not _may_be_near(movie, start, stop, raters, inverse, values[-1]):
                continue
            if band < bands:
                count_set(bits, people, start // WORD, planes, common[start : start + size])
            else:
                _count_along(people, ratings.rated, start, common)
            _take(movie, start, stop, common, inverse, movies, values, listed)


@COMPILED
def _count_along(
    people: NDArray[np.int32], rated: Pattern, start: int, common: NDArray[np.int32]
) -> None:  # pragma: no cover - compiled
    """Count the movies from ``start`` on that each of some users rated."""
    for user in people:
        row = rated.columns[rated.indptr[user] : rated.indptr[user + 1]]
        for movie in row[np.searchsorted(row, start) :]:
            common[movie] += 1


@COMPILED
def _may_be_near(
    movie: int,
    start: int,
    stop: int,
    raters: Pattern,
    inverse: NDArray[np.float32],
    least: float,
) -> bool:  # pragma: no cover - compiled
    """Whether a movie of a band can reach a score at all: its nearest in popularity, if all raters were common."""
    nearest = min(max(movie, start), stop - 1)
    most = np.float32(raters.indptr[max(movie, nearest) + 1] - raters.indptr[max(movie, nearest)])
    score = most * inverse[movie] * inverse[nearest] * (most / (most + SHRINKAGE))
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
