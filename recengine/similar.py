"""Movies rated by the same people: the neighbours published as ``similar_movies``."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch
from scipy.sparse import csc_array, csr_array

from recengine.snapshot import Snapshot
from recengine.topn import top_n

SCHEMA = pa.schema(
    [
        ("movie_id", pa.int64()),
        ("rank", pa.int32()),
        ("similar_movie_id", pa.int64()),
        ("score", pa.float32()),
    ]
)

# Common raters are worth n / (n + this): two movies that one person rated are not alike for it.
SHRINKAGE = 10.0

# Dense cosines of one block, movies x movies x 4 bytes, stay below this.
BLOCK_BYTES = 16_000_000


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
    rated = csr_array(
        (np.ones(snapshot.ratings.nnz, dtype=np.float32), snapshot.ratings.indices, snapshot.ratings.indptr),
        shape=snapshot.ratings.shape,
    )
    by_movie = csc_array(rated)
    norms = np.sqrt(np.diff(by_movie.indptr)).astype(np.float32)  # (M,)
    inverse = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
    step = max(1, BLOCK_BYTES // (4 * max(snapshot.movies, 1)))
    tables = []
    for start in range(0, snapshot.movies, step):
        common = (by_movie[:, start : start + step].T @ rated).toarray()  # (B, M) common raters
        cosine = common * inverse[start : start + step, None]
        cosine *= inverse
        common /= common + SHRINKAGE
        cosine *= common
        rows = np.arange(len(cosine))
        cosine[rows, start + rows] = 0
        cosine[cosine <= 0] = -np.inf
        values, columns = top_n(torch.from_numpy(cosine), n)
        kept = torch.isfinite(values)
        movie_index = start + kept.nonzero()[:, 0].numpy()
        tables.append(
            pa.table(
                [
                    snapshot.movie_ids[movie_index],
                    torch.cumsum(kept, dim=1)[kept].to(torch.int32).numpy(),
                    snapshot.movie_ids[columns[kept].numpy()],
                    values[kept].numpy(),
                ],
                schema=SCHEMA,
            )
        )
    return pa.concat_tables(tables)
