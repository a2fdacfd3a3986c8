"""What a stage cannot go below on this machine: ``python -m benchmarks.scale.floors ingest|score|publish DATA HOME``.

Prints one JSON object. Each floor is the same physical work without anything around it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numba
import numpy as np
import torch
from safetensors.numpy import load_file
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.models.kernels.popular_first import Order, rows_of
from recengine.serving.versions import STORAGE_VERSION
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import settings

TILE = 256  # columns of the weights at a time: 20 MB of them for 20,000 movies stay in the cache
USERS = 8_192  # rows of the low-rank product at a time


def ingest(data: Path, home: Path) -> dict[str, Any]:
    """DuckDB's bare CREATE TABLE AS over the ratings file, with our settings, into a file of its own."""
    columns = "{'userId': 'BIGINT', 'movieId': 'BIGINT', 'rating': 'FLOAT', 'timestamp': 'BIGINT'}"
    file = data / "ratings.csv"
    with tempfile.TemporaryDirectory(dir=home) as scratch:
        began = time.perf_counter()
        with duckdb.connect(str(Path(scratch) / "bare.duckdb"), config=settings()) as con:
            read = f"read_csv({sqlfiles.scan_of(file)}, header = true, columns = {columns})"
            con.execute(f"CREATE TABLE ratings AS FROM {read}")
        return {"what": "CREATE TABLE AS over ratings.csv", "seconds": time.perf_counter() - began}


def publish(data: Path, home: Path) -> dict[str, Any]:
    """CREATE TABLE AS of every published table's rows into a fresh file, in no order, without audits."""
    with tempfile.TemporaryDirectory(dir=home) as scratch, duckdb.connect(config=settings()) as con:
        con.execute(f"ATTACH {sqlfiles.path_literal(home / 'serving.duckdb')} AS published (READ_ONLY)")
        target = Path(scratch) / "bare.duckdb"
        tables = con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'published'")
        names = [name for (name,) in tables.fetchall()]
        began = time.perf_counter()
        con.execute(f"ATTACH {sqlfiles.path_literal(target)} AS bare (STORAGE_VERSION '{STORAGE_VERSION}')")
        for name in names:
            con.execute(f"CREATE TABLE bare.{name} AS FROM published.{name}")
        con.execute("DETACH bare")
        return {"what": "CREATE TABLE AS of the same rows", "seconds": time.perf_counter() - began}


def score(data: Path, home: Path) -> dict[str, Any]:
    """The products that give every user's scores, results thrown away: no masking, no top N, no writing.

    Low-rank: the users' codes times the movies', dense float32. Closed form: the users' rated movies (sparse)
    times the head's weights (dense), tiled over ``TILE`` columns, the most rated movies' rows first, which is
    faster than the library products that we know (torch's and SciPy's sparse x dense).
    """
    [manifest] = home.glob("snapshots/*/manifest.json")
    [weights] = home.glob("models/*/weights.safetensors")
    snapshot, state = Snapshot.load(manifest.parent), load_file(weights)
    users = torch.from_numpy(state["ranking.low_rank.users"][: snapshot.users])
    movies = torch.from_numpy(state["ranking.low_rank.movies"])
    order, head = (
        Order.from_movies(state["ranking.movies"], int(state["ranking.coded"])),
        state["ranking.weights"],
    )
    rows = _head_rows(snapshot, order, len(head))
    product = torch.empty(USERS, len(movies))
    low_rank = _seconds(
        lambda: [torch.mm(block, movies.T, out=product[: len(block)]).numel() for block in users.split(USERS)]
    )
    _tiled(np.zeros_like(rows.indptr[:2]), rows.indices[:1], head[:, :TILE].copy())  # compiles, sums nothing
    closed_form = _seconds(lambda: _all_tiles(rows, head))
    return {
        "what": f"{snapshot.users:,} x {users.shape[1]} x {len(movies):,} dense, and {rows.nnz:,} ratings "
        f"x {head.shape[1]:,} sparse x dense",
        "seconds": low_rank + closed_form,
        "low_rank": low_rank,
        "closed_form": closed_form,
    }


def _head_rows(snapshot: Snapshot, order: Order, head: int) -> csr_array:
    """The users' ratings of the head's movies, (U, H)."""
    rows = rows_of(snapshot.ratings, snapshot.rated_at, order, np.arange(snapshot.users)).rated
    kept = rows.indices < head
    per_user = np.add.reduceat(np.append(kept, False).astype(np.int64), rows.indptr[:-1]) * (
        np.diff(rows.indptr) > 0
    )
    indptr = np.concatenate([[0], np.cumsum(per_user)])
    return csr_array((rows.data[kept], rows.indices[kept], indptr), shape=(snapshot.users, head))


def _all_tiles(rows: csr_array, weights: np.ndarray) -> None:
    for start in range(0, weights.shape[1], TILE):
        tile = np.zeros((len(weights), TILE), dtype=np.float32)
        part = weights[:, start : start + TILE]
        tile[:, : part.shape[1]] = part
        _tiled(rows.indptr, rows.indices, tile)


@numba.njit(parallel=True, fastmath=True)
def _tiled(indptr: np.ndarray, indices: np.ndarray, tile: np.ndarray) -> np.ndarray:
    """Largest score of every user in a tile: the sums are made, nothing of them is kept."""
    best = np.empty(len(indptr) - 1, dtype=np.float32)
    for user in numba.prange(len(best)):
        total = np.zeros(TILE, dtype=np.float32)
        for entry in range(indptr[user], indptr[user + 1]):
            total += tile[indices[entry]]
        best[user] = total.max()
    return best


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    floor = {"ingest": ingest, "score": score, "publish": publish}[sys.argv[1]]
    print(json.dumps(floor(Path(sys.argv[2]), Path(sys.argv[3]))))
