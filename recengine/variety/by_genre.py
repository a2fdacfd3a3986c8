"""The best of each genre for every user, streamed as Arrow: what a reader shows as a row of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recengine.models.base import OnProgress, silent
from recengine.models.excluded import Boosts, Excluded
from recengine.variety.lists import Lister

BLOCK_ROWS = 2**22  # most rows of lists in memory at a time
BLOCK_USERS = 8192

BY_GENRE = pa.schema(
    [
        ("user_id", pa.int64()),
        ("genre", pa.string()),
        ("rank", pa.int32()),
        ("movie_id", pa.int64()),
        ("score", pa.float32()),
        ("predicted_rating", pa.float32()),
    ]
)

Stars = Callable[[NDArray[np.int64], NDArray[np.int64]], pa.Array]
"""Called as ``stars(user_index, movie_index)``, both (P,): predicted ratings, (P,)."""


def recommend_by_genre(
    lister: Lister,
    n: int,
    stars: Stars,
    on_progress: OnProgress = silent,
    excluded: Excluded | None = None,
    boosts: Boosts | None = None,
    users: slice = slice(None),
) -> Iterator[pa.RecordBatch]:
    """The n best unseen movies of each genre for every user; nothing where n is 0.

    Parameters
    ----------
    lister : Lister
    n : int
        Rows per user and genre; fewer only where fewer unseen movies of the genre exist.
    stars : callable
    excluded, boosts
        As ``Model.best`` takes them.
    users : slice
        Range of user indices, all by default.

    Yields
    ------
    RecordBatch
        Columns of ``BY_GENRE``, ordered by user, genre and rank.
    """
    snapshot = lister.snapshot
    columns = snapshot.movie_columns
    genres = pa.array(
        [name.removeprefix("genre=") for name in columns if name.startswith("genre=")], pa.string()
    )
    if not n or not len(genres):
        return
    size = max(1, min(BLOCK_USERS, BLOCK_ROWS // (len(genres) * n)))
    first, last, _ = users.indices(snapshot.users)
    for start in range(first, last, size):
        block = np.arange(start, min(start + size, last))
        lists = lister.by_genre(block, n, excluded, boosts)
        kept = lists.ids >= 0  # (B, G, n)
        place, genre, rank = kept.nonzero()
        user_index, movie_index = block[place], lists.ids[kept]
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(snapshot.user_ids[user_index]),
                genres.take(pa.array(genre)),
                pa.array((rank + 1).astype(np.int32)),
                pa.array(snapshot.movie_ids[movie_index]),
                pa.array(lists.values[kept]),
                stars(user_index, movie_index),
            ],
            schema=BY_GENRE,
        )
        on_progress("users scored by genre", start + len(block) - first, last - first)
