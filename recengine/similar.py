"""Movies rated by the same people: the neighbours published as ``similar_movies``."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from recengine.models.codes import COMPILED
from recengine.snapshot import Snapshot
from recengine.threads import in_parts

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

PART = 256  # movies that one thread counts at a time


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
    ratings = snapshot.ratings
    rated = csr_array((np.ones(ratings.nnz, dtype=np.bool_), ratings.indices, ratings.indptr), ratings.shape)
    by_movie = rated.T.tocsr()
    norms = np.sqrt(np.diff(by_movie.indptr)).astype(np.float32)  # (M,)
    inverse = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
    n = min(n, snapshot.movies)
    values, columns = np.zeros((snapshot.movies, n), np.float32), np.zeros((snapshot.movies, n), np.int64)
    both = [(np.asarray(m.indptr, np.int64), np.asarray(m.indices, np.int32)) for m in (by_movie, rated)]
    in_parts(
        lambda first, last: _neighbours(first, last, *both[0], *both[1], inverse, values, columns),
        snapshot.movies,
        PART,
    )
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
    inverse: np.ndarray,
    values: np.ndarray,
    columns: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Fill falling ``values`` and their ``columns``, both (M, n), for movies first .. last."""
    common = np.zeros(len(inverse), dtype=np.int32)
    for movie in range(first, last):
        for rater in raters[movie_indptr[movie] : movie_indptr[movie + 1]]:
            for other in rated[user_indptr[rater] : user_indptr[rater + 1]]:
                common[other] += 1
        common[movie] = 0
        for other in range(len(common)):
            if common[other] == 0:
                continue
            shared = np.float32(common[other])
            score = shared * inverse[movie] * inverse[other] * (shared / (shared + SHRINKAGE))
            common[other] = 0
            place = values.shape[1] - 1
            if score <= values[movie, place]:  # an earlier movie goes first
                continue
            while place > 0 and score > values[movie, place - 1]:
                values[movie, place], columns[movie, place] = (
                    values[movie, place - 1],
                    columns[movie, place - 1],
                )
                place -= 1
            values[movie, place], columns[movie, place] = score, other
