"""Every movie's nearest neighbours: in this process, or ranges of movies by an engine's tasks on files."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recengine.dataset import Snapshot
from recengine.engine.base import Engine
from recengine.models.kernels.csr import Pattern
from recengine.models.kernels.popular_first import Order, rows_of
from recengine.models.kernels.similar import Ratings, layouts_of, nearest_movies, nearest_of
from recengine.models.kernels.topn import Lists, empty_lists
from recengine.runtime import durable
from recengine.runtime.identity import code_identity
from recengine.runtime.threads import own_threads
from recengine.shards import files

LAYOUT, VALUES, IDS = "layout", "values.npy", "ids.npy"
AT_LEAST = 100  # ratings that a movie costs as many as, when movies are dealt to ranges

SIMILAR_MOVIES = pa.schema(
    [
        ("movie_id", pa.int64()),
        ("rank", pa.int32()),
        ("similar_movie_id", pa.int64()),
        ("score", pa.float32()),
    ]
)


class Movies(NamedTuple):
    """A range of movies, by their places among the most rated ones, and where its work is done."""

    room: Path
    n: int
    shard: int
    first: int
    last: int


def similar_movies(snapshot: Snapshot, n: int) -> pa.Table:
    """The n nearest neighbours of every movie by who rated them; fewer where fewer movies share a rater.

    Returns
    -------
    Table
        Columns of ``SIMILAR_MOVIES``, ordered by movie and rank; score in (0, 1), ties broken by movie id.
    """
    order = Order.of(snapshot.ratings, 1)
    rows = rows_of(snapshot.ratings, snapshot.rated_at, order, np.arange(snapshot.users))
    return _table(snapshot, nearest_movies(rows.rated, order.movies, n))


def similar_by(engine: Engine, snapshot: Snapshot, snapshot_folder: Path, n: int) -> pa.Table:
    """The same table, ranges of movies by an engine's tasks: as many ranges as the snapshot has shards.

    Who rated what is laid out on files once, which a task maps: of its own it has the counts of one movie at a time.

    Raises
    ------
    ShardFailed
        A range's work failed as often as it may be tried; what others found stays for the next run.
    """
    digest = hashlib.sha256(f"{code_identity()} {n}".encode()).hexdigest()[:16]
    room = files.work_folder(snapshot_folder, f"similar-{digest}")
    order = Order.of(snapshot.ratings, 1)
    if not files.is_whole(room / LAYOUT):
        _lay_out(snapshot, order, room / LAYOUT)
    places = order.movies[: order.warm]
    counts = np.bincount(snapshot.ratings.indices, minlength=snapshot.movies)[places]
    cost, parts = np.cumsum(counts + AT_LEAST), len(snapshot.shards)
    bounds = np.searchsorted(cost, cost[-1:] * np.arange(1, parts) / parts).tolist()
    ranges = zip([0, *bounds], [*bounds, order.warm], strict=True)
    tasks = [Movies(room, n, shard, *bounds) for shard, bounds in enumerate(ranges)]
    lists = empty_lists(snapshot.movies, min(n, snapshot.movies))
    for task, folder in zip(tasks, engine.map(find, tasks), strict=True):
        chosen = places[task.first : task.last]
        lists.values[chosen], lists.ids[chosen] = (np.load(Path(folder) / name) for name in (VALUES, IDS))
    shutil.rmtree(room)
    return _table(snapshot, lists)


def find(task: Movies) -> str:
    """Find one range's neighbours, unless they are there; returns the folder that has them."""
    folder = task.room / f"{task.shard:05d}"
    if not files.is_whole(folder):
        shutil.rmtree(folder, ignore_errors=True)
        ratings, movies = _laid_out(task.room / LAYOUT)
        with own_threads():
            lists = nearest_of(ratings, movies, task.n, range(task.first, task.last))
        with durable.new_folder(folder) as partial:
            np.save(partial / VALUES, lists.values[movies[task.first : task.last]])
            np.save(partial / IDS, lists.ids[movies[task.first : task.last]])
    return str(folder)


def _lay_out(snapshot: Snapshot, order: Order, folder: Path) -> None:
    rows = rows_of(snapshot.ratings, snapshot.rated_at, order, np.arange(snapshot.users))
    ratings = layouts_of(rows.rated)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {"movies": order.movies, "bits": ratings.bits, "band": np.array(ratings.band)}
    for side in ("raters", "rated"):
        arrays |= {f"{side}.{name}": array for name, array in getattr(ratings, side)._asdict().items()}
    with durable.new_folder(folder) as partial:
        for name, array in arrays.items():
            np.save(partial / f"{name}.npy", array)


def _laid_out(folder: Path) -> tuple[Ratings, NDArray[np.int64]]:
    def mapped(name: str) -> Any:
        # Not read-only to NumPy, nor written: the compiled loop takes one type of arrays, whoever calls it.
        return np.load(folder / f"{name}.npy", mmap_mode="c").view(np.ndarray)

    raters, rated = (
        Pattern(mapped(f"{side}.indptr"), mapped(f"{side}.columns")) for side in ("raters", "rated")
    )
    return Ratings(raters, rated, mapped("bits"), int(mapped("band"))), mapped("movies")


def _table(snapshot: Snapshot, lists: Lists) -> pa.Table:
    kept = lists.ids >= 0  # (M, n)
    columns = (
        snapshot.movie_ids[kept.nonzero()[0]],
        np.cumsum(kept, axis=1, dtype=np.int32)[kept],
        snapshot.movie_ids[lists.ids[kept]],
        lists.values[kept],
    )
    return pa.table(list(columns), schema=SIMILAR_MOVIES)
