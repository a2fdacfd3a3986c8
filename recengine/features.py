"""Features: core tables -> long feature tables in SQL -> a snapshot folder of CSR arrays, through Arrow.

The snapshot's fingerprint hashes the data and the code that made it: built twice from the same data, the
second call finds the folder there and does nothing.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from scipy.sparse import csr_array

from recengine.config import Home
from recengine.dataset import MOVIE_GROUPS, SECONDS_PER_MONTH, SHARD_RATINGS, USER_GROUPS, Snapshot
from recengine.errors import BadInput, NotReady
from recengine.movielens.scale import IMPLICIT_RATING, Scale
from recengine.runtime.durable import new_folder
from recengine.runtime.identity import code_identity
from recengine.warehouse import sqlfiles
from recengine.warehouse.history import contents
from recengine.warehouse.transaction import transaction

log = logging.getLogger(__name__)

BATCH_ROWS = 1_000_000
SHARDED_BY = "RECENGINE_SHARD_RATINGS"

# In the order they build on each other.
_TABLES = (
    "twins",
    "replaced_ratings",
    "ratings",
    "users",
    "movies",
    "interactions",
    "movie_values",
    "user_values",
    "genre_counts",
    "registration_months",
)
_CONSTANTS: dict[str, dict[str, object]] = {
    "registration_months": {"seconds_per_month": SECONDS_PER_MONTH},
    # Of a declared column that many most common values become columns of their own.
    "user_values": {"most_values": 100, "own": list(USER_GROUPS)},
    "movie_values": {"most_values": 100, "own": list(MOVIE_GROUPS)},
}


class FeatureReport(BaseModel):
    """What the features stage did; ``folder`` is the snapshot to give to training and scoring."""

    fingerprint: str
    folder: Path
    dataset: str
    built: bool
    users: int
    movies: int
    ratings: int
    user_columns: int
    movie_columns: int
    megabytes: float
    seconds: float


def build(con: duckdb.DuckDBPyConnection, home: Home) -> FeatureReport:
    """Build the feature tables and write the snapshot, unless the same one is there.

    Raises
    ------
    NotReady
        Nothing has been ingested.
    """
    began = time.perf_counter()
    fingerprint = fingerprint_of(con)
    folder = home.snapshots / fingerprint
    if not con.execute(
        "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'features' AND table_name = 'movies'"
    ).fetchall():
        shutil.rmtree(folder, ignore_errors=True)  # of a warehouse that was lost: its tables are read too
    built = not folder.exists()
    if built:
        write(snapshot(con), folder)
    loaded = Snapshot.load(folder)
    _keep_only(folder)
    report = FeatureReport(
        fingerprint=fingerprint,
        folder=folder,
        dataset=loaded.dataset,
        built=built,
        users=loaded.users,
        movies=loaded.movies,
        ratings=loaded.ratings.nnz,
        user_columns=len(loaded.user_columns),
        movie_columns=len(loaded.movie_columns),
        megabytes=sum(file.stat().st_size for file in folder.iterdir()) / 1e6,
        seconds=time.perf_counter() - began,
    )
    log.info(
        "features: %s, %s ratings, %s user and %s movie columns, %.1f MB in %.2f s",
        fingerprint if built else f"{fingerprint} was there",
        f"{report.ratings:,}",
        report.user_columns,
        report.movie_columns,
        report.megabytes,
        report.seconds,
    )
    return report


def fingerprint_of(con: duckdb.DuckDBPyConnection) -> str:
    """Hash of the ingested data and of the code that turns it into features, 16 hex digits."""
    data = contents.input_of(con)
    if data is None:
        raise NotReady("Nothing has been ingested yet", "run `recengine ingest` first")
    size = shard_ratings()
    sharded = (
        "" if size == SHARD_RATINGS else f" in shards of {size}"
    )  # sums of weights change with their order
    return hashlib.sha256(f"{data} {code_identity()}{sharded}".encode()).hexdigest()[:16]


def shard_ratings() -> int:
    """Ratings in a shard of users: ``RECENGINE_SHARD_RATINGS`` where set; a part of the data, never of a cluster.

    Raises
    ------
    BadInput
        It is no positive number.
    """
    asked = os.environ.get(SHARDED_BY) or str(SHARD_RATINGS)
    if not asked.isdecimal() or not 1 <= int(asked) < 2**62:
        raise BadInput(f"{SHARDED_BY} is {asked!r}; give a number of ratings, such as {SHARD_RATINGS}.")
    return int(asked)


def snapshot(con: duckdb.DuckDBPyConnection) -> Snapshot:
    """Build the feature tables in one transaction and read them out as arrays."""
    constants = _CONSTANTS | {"genre_counts": {"liked_from": _scale(con)[1]}}
    with transaction(con):
        for table in _TABLES:
            sqlfiles.run(con, f"features/{table}", constants.get(table))
    return _read(con)


def write(built: Snapshot, folder: Path) -> None:
    """Save a snapshot so that the folder is there whole or not at all."""
    with new_folder(folder) as partial:
        built.save(partial)


def _keep_only(folder: Path) -> None:
    """Remove other snapshots: they hold ratings that may since have left the source."""
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other)


def _read(con: duckdb.DuckDBPyConnection) -> Snapshot:
    fingerprint = fingerprint_of(con)
    [(dataset,)] = con.execute("SELECT dataset FROM ops.dataset").fetchall()
    scale, liked = _scale(con)
    user_ids = _column(con, "SELECT user_id FROM features.users ORDER BY user_index")
    movie_ids = _column(con, "SELECT movie_id FROM features.movies ORDER BY movie_index")
    ratings, rated_at = _ratings(con, (len(user_ids), len(movie_ids)))
    genre_counts, user_features, movie_features, user_columns, movie_columns = _features(
        con, len(user_ids), len(movie_ids)
    )
    months = np.full(len(user_ids), np.nan, dtype=np.float32)
    rated = con.execute("SELECT user_index, value FROM features.registration_months").fetchnumpy()
    months[rated["user_index"]] = rated["value"]
    return Snapshot(
        fingerprint=fingerprint,
        dataset=dataset,
        scale=scale,
        liked_from=liked,
        shard_ratings=shard_ratings(),
        user_ids=user_ids,
        movie_ids=movie_ids,
        ratings=ratings,
        rated_at=rated_at,
        genre_counts=genre_counts,
        registration_months=months,
        user_features=user_features,
        movie_features=movie_features,
        user_columns=user_columns,
        movie_columns=movie_columns,
    )


def _scale(con: duckdb.DuckDBPyConnection) -> tuple[tuple[float, float] | None, float]:
    """Both ends of the scale, None where there are no ratings, and the rating from which on a movie is liked."""
    [ends] = con.execute("SELECT scale_low, scale_high, scale_step FROM ops.dataset").fetchall()
    declared = con.execute("SELECT liked_from FROM ops.scale WHERE liked_from IS NOT NULL").fetchall()
    if ends[0] is None:
        return None, IMPLICIT_RATING
    return ends[:2], declared[0][0] if declared else Scale(*ends).middle


def _ratings(con: duckdb.DuckDBPyConnection, shape: tuple[int, int]) -> tuple[csr_array, NDArray[np.int64]]:
    """The ratings as CSR and the time of each.

    They are read once, in whatever order they come, and sorted only if need be: from files that are in order,
    as the releases' are, a few ascending runs arrive, which a merge sort puts together in a moment. Sorting
    them in SQL took several times as long as all the rest.
    """
    rows = con.sql("SELECT count(*) FROM features.ratings").fetchall()[0][0]
    pairs, movies = np.empty(rows, dtype=np.int64), np.empty(rows, dtype=np.int32)
    stars, rated_at = np.empty(rows, dtype=np.float32), np.empty(rows, dtype=np.int64)
    filled = 0
    query = "SELECT user_index, movie_index, value, rated_at FROM features.interactions"
    for batch in con.sql(query).to_arrow_reader(BATCH_ROWS):
        part = slice(filled, filled := filled + len(batch))
        users, movies[part], stars[part], rated_at[part] = (column.to_numpy() for column in batch.columns)
        np.multiply(users, shape[1], out=pairs[part], dtype=np.int64)
        pairs[part] += movies[part]
    if filled != rows:
        raise RuntimeError(f"{rows - filled:,} of {rows:,} ratings have no user or movie in the core tables")
    if (pairs[1:] <= pairs[:-1]).any():
        order = np.argsort(pairs, kind="stable")
        for column in (pairs, movies, stars, rated_at):  # one by one: each needs a copy for a moment
            column[:] = column[order]
    indptr = _pointers(np.searchsorted(pairs, np.arange(shape[0] + 1) * shape[1]))
    return csr_array((stars, movies, indptr), shape=shape), rated_at


def _features(
    con: duckdb.DuckDBPyConnection, users: int, movies: int
) -> tuple[csr_array, csr_array, csr_array, tuple[str, ...], tuple[str, ...]]:
    user_columns, movie_columns = (_names(con, kind) for kind in ("user", "movie"))
    genres = sum(name.startswith("genre=") for name in movie_columns)
    return (
        _csr(con, "genre_counts", "user_index", "genre_index", (users, genres)),
        _named_csr(con, "user", (users, len(user_columns))),
        _named_csr(con, "movie", (movies, len(movie_columns))),
        user_columns,
        movie_columns,
    )


def _names(con: duckdb.DuckDBPyConnection, kind: str) -> tuple[str, ...]:
    rows = con.execute(
        f"SELECT DISTINCT column_name FROM features.{kind}_values ORDER BY column_name"
    ).fetchall()
    return tuple(name for (name,) in rows)


def _named_csr(con: duckdb.DuckDBPyConnection, kind: str, shape: tuple[int, int]) -> csr_array:
    """The long table (index, column name, value) as CSR, columns in the order of their names."""
    column = "(dense_rank() OVER (ORDER BY column_name) - 1)::INTEGER AS column_index"
    ranked = f"(SELECT {kind}_index, {column}, value FROM features.{kind}_values)"
    return _csr(con, ranked, f"{kind}_index", "column_index", shape)


def _csr(
    con: duckdb.DuckDBPyConnection, table: str, row: str, column: str, shape: tuple[int, int]
) -> csr_array:
    source = table if table.startswith("(") else f"features.{table}"
    entries = con.sql(f"SELECT {column}, value FROM {source} ORDER BY {row}, {column}").to_arrow_table()
    counts = con.execute(f"SELECT {row}, count(*) AS entries FROM {source} GROUP BY ALL").fetchnumpy()
    per_row = np.zeros(shape[0] + 1, dtype=np.int64)
    per_row[counts[row] + 1] = counts["entries"]
    indices = entries.column(column).to_numpy()
    values = entries.column("value").to_numpy()
    return csr_array((values, indices, _pointers(np.cumsum(per_row))), shape=shape)


def _pointers(indptr: NDArray[np.int64]) -> NDArray[np.int64] | NDArray[np.int32]:
    """Row pointers as int32 where they fit: scipy then keeps int32 column indices."""
    return indptr.astype(np.int32) if indptr[-1] < np.iinfo(np.int32).max else indptr


def _column(con: duckdb.DuckDBPyConnection, query: str) -> NDArray[np.int64]:
    return np.asarray(con.sql(query).to_arrow_table().column(0).to_numpy().astype(np.int64, copy=False))
