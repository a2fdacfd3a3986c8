"""Features: core tables -> long feature tables in SQL -> a snapshot folder of CSR arrays, through Arrow.

The snapshot's fingerprint hashes the data and the SQL that made it: built twice from the same data, the
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
from pydantic import BaseModel
from scipy.sparse import csr_array

from recengine import ingest
from recengine.config import Home
from recengine.errors import NotReady
from recengine.snapshot import GENRE_LIKED_FROM, SECONDS_PER_MONTH, Snapshot
from recengine.warehouse import sqlfiles
from recengine.warehouse.transaction import transaction

log = logging.getLogger(__name__)

# In the order they build on each other.
_TABLES = (
    "users",
    "movies",
    "interactions",
    "movie_values",
    "user_values",
    "genre_counts",
    "registration_months",
)
_CONSTANTS: dict[str, dict[str, object]] = {
    "genre_counts": {"liked_from": GENRE_LIKED_FROM},
    "registration_months": {"seconds_per_month": SECONDS_PER_MONTH},
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
    built = not folder.exists()
    if built:
        write(snapshot(con), folder)
    found = Snapshot.load(folder)
    _keep_only(folder)
    report = FeatureReport(
        fingerprint=fingerprint,
        folder=folder,
        dataset=found.dataset,
        built=built,
        users=found.users,
        movies=found.movies,
        ratings=found.ratings.nnz,
        user_columns=len(found.user_columns),
        movie_columns=len(found.movie_columns),
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
    """Hash of the ingested data and of the SQL that turns it into features, 16 hex digits."""
    data = ingest.input_of(con)
    if data is None:
        raise NotReady("Nothing has been ingested yet", "run `recengine ingest` first")
    sql = "".join(sqlfiles.load(f"features/{table}") for table in _TABLES)
    return hashlib.sha256(f"{data} {sql} {_CONSTANTS}".encode()).hexdigest()[:16]


def snapshot(con: duckdb.DuckDBPyConnection) -> Snapshot:
    """Build the feature tables in one transaction and read them out as arrays."""
    with transaction(con):
        for table in _TABLES:
            sqlfiles.run(con, f"features/{table}", _CONSTANTS.get(table))
    return _read(con)


def write(built: Snapshot, folder: Path) -> None:
    """Save a snapshot so that the folder is there whole or not at all."""
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    built.save(partial)
    partial.rename(folder)


def _keep_only(folder: Path) -> None:
    """Remove other snapshots: they hold ratings that may since have left the source."""
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other)


def _read(con: duckdb.DuckDBPyConnection) -> Snapshot:
    fingerprint = fingerprint_of(con)
    [(dataset, low, high)] = con.execute("SELECT dataset, scale_low, scale_high FROM ops.dataset").fetchall()
    user_ids = _column(con, "SELECT user_id FROM features.users ORDER BY user_index", np.int64)
    movie_ids = _column(con, "SELECT movie_id FROM features.movies ORDER BY movie_index", np.int64)
    ratings = _csr(con, "interactions", "user_index", "movie_index", (len(user_ids), len(movie_ids)))
    genre_counts, user_features, movie_features, user_columns, movie_columns = _features(
        con, len(user_ids), len(movie_ids)
    )
    months = np.full(len(user_ids), np.nan, dtype=np.float32)
    rated = con.execute("SELECT user_index, value FROM features.registration_months").fetchnumpy()
    months[rated["user_index"]] = rated["value"]
    return Snapshot(
        fingerprint=fingerprint,
        dataset=dataset,
        scale=(low, high),
        user_ids=user_ids,
        movie_ids=movie_ids,
        ratings=ratings,
        rated_at=_column(
            con, "SELECT rated_at FROM features.interactions ORDER BY user_index, movie_index", np.int64
        ),
        genre_counts=genre_counts,
        registration_months=months,
        user_features=user_features,
        movie_features=movie_features,
        user_columns=user_columns,
        movie_columns=movie_columns,
    )


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
    indptr = np.cumsum(per_row)
    if indptr[-1] < np.iinfo(np.int32).max:  # int32 row pointers let scipy keep int32 column indices
        indptr = indptr.astype(np.int32)
    indices = entries.column(column).to_numpy()
    return csr_array((entries.column("value").to_numpy(), indices, indptr), shape=shape)


def _column(con: duckdb.DuckDBPyConnection, query: str, dtype: type) -> np.ndarray:
    return con.sql(query).to_arrow_table().column(0).to_numpy().astype(dtype, copy=False)
