"""Score: a model and a snapshot -> every user's exact top N, block by block, streamed as Arrow.

``recommend`` needs only the two references and a range of users, so any process that can read the snapshot's
and the model's folders can do a share of the work; ``score`` does all of it and writes to the warehouse.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel

from recengine import features, origin
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.errors import NotReady
from recengine.knobs.stages import ScoreConfig
from recengine.models import store
from recengine.models.base import Model, OnProgress, silent
from recengine.models.explaining import REASONS, Explaining, Hearer
from recengine.models.kernels.popular_first import Order, rows_of
from recengine.models.kernels.similar import nearest_movies
from recengine.rules.compiled import Compiled
from recengine.rules.inforce import changed_by, compiled, keep
from recengine.runtime.devices import resolved
from recengine.variety.by_genre import BY_GENRE, recommend_by_genre
from recengine.variety.lists import Lister
from recengine.variety.side_by_side import lister_of
from recengine.warehouse.streaming import replace_rows
from recengine.warehouse.transaction import transaction

log = logging.getLogger(__name__)

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

SIMILAR_MOVIES = pa.schema(
    [
        ("movie_id", pa.int64()),
        ("rank", pa.int32()),
        ("similar_movie_id", pa.int64()),
        ("score", pa.float32()),
    ]
)


class ScoreReport(BaseModel):
    """What the score stage wrote."""

    model_id: str
    snapshot: str
    users: int
    recommendations: int
    similar_movies: int
    reasons: int = 0
    generated_at: datetime
    megabytes: float
    lists_seconds: float
    reasons_seconds: float = 0.0
    seconds: float


def score(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    snapshot_folder: Path,
    model_id: str,
    config: ScoreConfig,
    on_progress: OnProgress = silent,
) -> ScoreReport:
    """Score every user and movie and replace ``scores.*`` in the warehouse, in one transaction.

    Raises
    ------
    NotReady
        The warehouse holds other data than the snapshot, or the model was trained on another one.
    NotFinite
        The model gave a score that is not finite; the scored tables stay as they were.
    """
    began = time.perf_counter()
    snapshot, model = _loaded(con, home, snapshot_folder, model_id, config.device)
    rules = compiled(con, home, snapshot, config)
    kept = rules.compiled if rules else None
    why = Explaining(snapshot, config.reasons, kept.boosts if kept else None)
    batches = recommend(model, snapshot, config.top_n, slice(None), on_progress, config, kept, why.hear)
    similar, generated_at = similar_movies(snapshot, config.similar_n), store.now()
    with transaction(con):
        lists_began = time.perf_counter()
        recommendations = replace_rows(con, "scores.recommendations", RECOMMENDATIONS, batches)
        lists_seconds = time.perf_counter() - lists_began
        reasons = replace_rows(con, "scores.reasons", REASONS, why.batches())
        _replace_by_genre(con, model, snapshot, config, on_progress, kept)
        neighbours = replace_rows(con, "scores.similar_movies", similar.schema, iter(similar.to_batches()))
        made_by = store.manifest_of(home, model_id)
        keep(con, rules, changed_by(rules, lister_of(model, snapshot, config), config.top_n), made_by.prices)
        origin.replace(con, made_by, snapshot, config, generated_at, why.said)
    report = ScoreReport(
        model_id=model_id,
        snapshot=snapshot.fingerprint,
        users=snapshot.users,
        recommendations=recommendations,
        similar_movies=neighbours,
        reasons=reasons,
        generated_at=generated_at,
        megabytes=recommendations * 28 / 1e6,
        lists_seconds=lists_seconds,
        reasons_seconds=why.seconds,
        seconds=time.perf_counter() - began,
    )
    _log_line(report)
    return report


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


def similar_movies(snapshot: Snapshot, n: int) -> pa.Table:
    """The n nearest neighbours of every movie by who rated them; fewer where fewer movies share a rater.

    Returns
    -------
    Table
        Columns of ``SIMILAR_MOVIES``, ordered by movie and rank; score in (0, 1), ties broken by movie id.
    """
    order = Order.of(snapshot.ratings, 1)
    rows = rows_of(snapshot.ratings, snapshot.rated_at, order, np.arange(snapshot.users))
    lists = nearest_movies(rows.rated, order.movies, n)
    kept = lists.ids >= 0  # (M, n)
    columns = (
        snapshot.movie_ids[kept.nonzero()[0]],
        np.cumsum(kept, axis=1, dtype=np.int32)[kept],
        snapshot.movie_ids[lists.ids[kept]],
        lists.values[kept],
    )
    return pa.table(list(columns), schema=SIMILAR_MOVIES)


def is_scored(con: duckdb.DuckDBPyConnection, report: ScoreReport) -> bool:
    """Whether ``scores.*`` still holds what ``score`` reported."""
    return origin.is_of(con, report.model_id, report.snapshot, report.generated_at)


def _loaded(
    con: duckdb.DuckDBPyConnection, home: Home, folder: Path, model_id: str, device: str
) -> tuple[Snapshot, Model]:
    """A snapshot and a model, both of the data that the warehouse holds."""
    snapshot, model = Snapshot.load(folder), store.load(home, model_id)
    model.to(resolved(device))
    if features.fingerprint_of(con) != snapshot.fingerprint:
        raise NotReady("The warehouse was loaded anew since the features were built", "run the stages again")
    if store.manifest_of(home, model_id).snapshot != snapshot.fingerprint:
        raise NotReady(
            f"The model {model_id} was trained on other data than the warehouse holds",
            "run `recengine train`, or score with one that `recengine models` lists for this data",
        )
    return snapshot, model


def _predicted(
    model: Model, snapshot: Snapshot, user_index: NDArray[np.int64], movie_index: NDArray[np.int64]
) -> pa.FloatArray:
    """Predicted ratings of pairs, all NULL where the data has no ratings or the model only ranks."""
    stars = None if snapshot.implicit else model.predict(snapshot, user_index, movie_index)
    if stars is None:
        return pa.nulls(len(user_index), pa.float32())
    return pa.array(stars.astype(np.float32))


def _replace_by_genre(
    con: duckdb.DuckDBPyConnection,
    model: Model,
    snapshot: Snapshot,
    config: ScoreConfig,
    on_progress: OnProgress,
    rules: Compiled | None,
) -> None:
    lister, stars = Lister.of(model, snapshot, config), partial(_predicted, model, snapshot)
    told = () if rules is None else (rules.excluded, rules.boosts)
    batches = (
        recommend_by_genre(lister, config.genre_n, stars, on_progress, *told) if config.genre_n else iter(())
    )
    replace_rows(con, "scores.recommendations_by_genre", BY_GENRE, batches)


def _log_line(report: ScoreReport) -> None:
    rows = f"{report.recommendations:,} rows for {report.users:,} users, {report.megabytes:.1f} MB"
    took = f"lists in {report.lists_seconds:.2f} s, with similar movies in {report.seconds:.2f} s"
    log.info("score: %s, %s, %s", report.model_id, rows, took)
