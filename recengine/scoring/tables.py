"""Users' tables as streams of Arrow: their lists, why these, and the best of each genre, block by block.

``recommend`` needs only a model, its snapshot and a range of users, so that any process that can read their folders
can do a share of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.knobs.stages import ScoreConfig
from recengine.models.base import Model, OnProgress, silent
from recengine.models.explaining import Explaining, Hearer
from recengine.rules.compiled import Compiled
from recengine.rules.running import Ran
from recengine.scoring.neighbours import similar_movies
from recengine.variety.by_genre import recommend_by_genre
from recengine.variety.lists import Lister
from recengine.variety.side_by_side import lister_of

BLOCK_USERS = 8192  # whose lists travel in one Arrow batch

RECOMMENDATIONS = pa.schema(
    [
        ("user_id", pa.int64()),
        ("rank", pa.int32()),
        ("movie_id", pa.int64()),
        ("score", pa.float32()),
        ("predicted_rating", pa.float32()),
    ]
)


class Source(Protocol):
    """Whence the scored tables come: users' are three streams, read once each and in this order, then ``put_away``.

    Attributes
    ----------
    said : str
        What came of the reasons, once these are read.
    seconds : float
        They took.
    """

    @property
    def said(self) -> str:
        """What came of the reasons."""
        ...

    @property
    def seconds(self) -> float:
        """They took."""
        ...

    def lists(self) -> Iterator[pa.RecordBatch]:
        """Columns of ``RECOMMENDATIONS``."""
        ...

    def reasons(self) -> Iterator[pa.RecordBatch]:
        """Columns of ``REASONS``."""
        ...

    def by_genre(self) -> Iterator[pa.RecordBatch]:
        """Columns of ``BY_GENRE``."""
        ...

    def similar_movies(self) -> pa.Table:
        """Columns of ``SIMILAR_MOVIES``, whole; asked for at any time."""
        ...

    def put_away(self) -> None:
        """The warehouse has everything."""
        ...


Elsewhere = Callable[[Home, Path, str, ScoreConfig, Sequence[Ran]], Source]
"""Called as ``elsewhere(home, snapshot_folder, model_id, config, rules)``; the rules are run already."""


class Here:
    """The tables of a range of users, made in this process as they are read.

    Parameters
    ----------
    model, snapshot
        A model and the snapshot it was fitted on.
    config : ScoreConfig
    rules : Compiled, optional
        What lists keep.
    users : slice
        Range of user indices, all by default: a shard of the work.
    on_progress : callable
    """

    def __init__(
        self,
        model: Model,
        snapshot: Snapshot,
        config: ScoreConfig,
        rules: Compiled | None = None,
        users: slice = slice(None),
        on_progress: OnProgress = silent,
    ) -> None:
        self._of, self._rules, self._told = (model, snapshot, config), rules, (users, on_progress)
        self._why = Explaining(snapshot, config.reasons, rules.boosts if rules else None)

    @property
    def said(self) -> str:
        """What came of the reasons."""
        return self._why.said

    @property
    def seconds(self) -> float:
        """They took."""
        return self._why.seconds

    def lists(self) -> Iterator[pa.RecordBatch]:
        """Block by block; the reasons hear of each."""
        model, snapshot, config = self._of
        return recommend(model, snapshot, config.top_n, *self._told, config, self._rules, self._why.hear)

    def reasons(self) -> Iterator[pa.RecordBatch]:
        """Of the lists that were read."""
        return self._why.batches()

    def by_genre(self) -> Iterator[pa.RecordBatch]:
        """Nothing where none are asked for."""
        (model, snapshot, config), (users, on_progress) = self._of, self._told
        if not config.genre_n:
            return iter(())
        lister, stars = Lister.of(model, snapshot, config), partial(_predicted, model, snapshot)
        rules = self._rules
        excluded, boosts = (rules.excluded, rules.boosts) if rules else (None, None)
        return recommend_by_genre(lister, config.genre_n, stars, on_progress, excluded, boosts, users)

    def similar_movies(self) -> pa.Table:
        """Made now."""
        _, snapshot, config = self._of
        return similar_movies(snapshot, config.similar_n)

    def put_away(self) -> None:
        """Nothing was kept."""


def here_of(
    model: Model, snapshot: Snapshot, rules: Compiled | None, on_progress: OnProgress = silent
) -> Elsewhere:
    """This process, asked as any other."""
    return lambda home, folder, model_id, config, ran: Here(
        model, snapshot, config, rules, on_progress=on_progress
    )


def recommend(
    model: Model,
    snapshot: Snapshot,
    n: int,
    users: slice | NDArray[np.int64] = slice(None),
    on_progress: OnProgress = silent,
    switches: ScoreConfig | None = None,
    rules: Compiled | None = None,
    heard: Hearer | None = None,
) -> Iterator[pa.RecordBatch]:
    """Top n unseen movies of a range of users, or of some, one Arrow batch per block.

    Parameters
    ----------
    model, snapshot
        A model and the snapshot it was fitted on.
    n : int
        Rows per user; fewer only where fewer unseen movies exist.
    users : slice or ndarray of int64
        Range of user indices, all by default: a shard of the work; or ascending indices.
    switches : ScoreConfig, optional
        What makes lists other than the model's best scores; nothing by default.
    rules : Compiled, optional
        What lists keep.
    heard : callable, optional
        Told of every block: the model that made it, its users and their lists.

    Yields
    ------
    RecordBatch
        Columns of ``RECOMMENDATIONS``, ordered by user and rank.
    """
    chosen = np.arange(snapshot.users)[users]
    lister = lister_of(model, snapshot, switches or ScoreConfig())
    for start in range(0, len(chosen), BLOCK_USERS):
        block = chosen[start : start + BLOCK_USERS]
        length = min(n, snapshot.movies)
        listed = lister.lists(block, length) if rules is None else rules.lists(lister, block, length)
        if heard is not None:
            for part, rows in lister.parts(block):
                heard(part.model, block[rows], listed.of(rows))
        kept = np.isfinite(listed.scores)  # (B, n); False where a user has rated nearly everything
        user_index, movie_index = block[kept.nonzero()[0]], listed.movies[kept]
        ranks = np.cumsum(kept, axis=1, dtype=np.int32)[kept]
        stars = _predicted(model, snapshot, user_index, movie_index)
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(snapshot.user_ids[user_index]),
                pa.array(ranks),
                pa.array(snapshot.movie_ids[movie_index]),
                pa.array(listed.scores[kept]),
                stars,
            ],
            schema=RECOMMENDATIONS,
        )
        on_progress("users scored", start + len(block), len(chosen))


def _predicted(
    model: Model, snapshot: Snapshot, user_index: NDArray[np.int64], movie_index: NDArray[np.int64]
) -> pa.FloatArray:
    """Predicted ratings of pairs, all NULL where the data has no ratings or the model only ranks."""
    stars = None if snapshot.implicit else model.predict(snapshot, user_index, movie_index)
    if stars is None:
        return pa.nulls(len(user_index), pa.float32())
    return pa.array(stars.astype(np.float32))
