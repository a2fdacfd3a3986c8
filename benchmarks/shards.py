"""Work on shards of users, here and on Ray: ``python -m benchmarks.shards [MILLION ...] [--ray]``.

For each number of millions of generated ratings, 154 a user, of 60,000 movies (10: 3 minutes; 100: 15 minutes, 10 GB
of disk): a snapshot and its shards are written, one shard is worked on by a process of its own, whose peak is
measured, then ``ease`` of 4,000 movies is fitted and every user's list of ten is made, with reasons. Up to
``--ray`` millions workers of a Ray cluster on this machine do the two as well; the results have to be the same.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from benchmarks.report import markdown, write
from recengine.config import Home
from recengine.dataset import Snapshot, genre_counts, registration_months
from recengine.engine.base import Engine
from recengine.engine.cluster import Ray
from recengine.engine.local import Local
from recengine.knobs.stages import ScoreConfig
from recengine.models import store
from recengine.models.ease import Ease, EaseConfig, gram_of
from recengine.models.parts.closed_form import mean_count
from recengine.models.spread import PLAN, Part, Spread, compute
from recengine.scoring.parts import OnEngine
from recengine.scoring.parts import Part as Lists
from recengine.scoring.parts import make as make_lists
from recengine.shards import files

MOVIES, HEAD, PER_USER = 60_000, 4_000, 154
CHUNK = 50_000  # users generated together
HEADER = ("million ratings", "users", "shards", "step", "seconds", "peak, MB", "of it its own, MB")
NOTES = [
    "Generated ratings of 60,000 movies, shards of 5 million ratings, `ease` of the 4,000 most rated movies. Each "
    "step runs in a process of its own; of Ray's steps the peak is the driver's. What is not the process's own are "
    "pages of mapped files, which the kernel takes back.",
    "Where both engines ran, weights and files had equal hashes.",
]
CONFIG = ScoreConfig(top_n=10, reasons=3)


class Taken(NamedTuple):
    """What a step took: seconds, the process's peak in MB, and the part of it that is no mapped file."""

    seconds: float
    peak: float
    own: float


def snapshot_of(ratings: int, seed: int = 1) -> Snapshot:
    """Generated ratings: a user has 20 or more, a few movies have most of them."""
    random, users = np.random.default_rng(seed), max(1, ratings // PER_USER)
    indices, counts = [], []
    for start in range(0, users, CHUNK):
        size = min(CHUNK, users - start)
        wanted = np.clip(random.lognormal(np.log(95), 1.0, size), 20, 2_000).astype(np.int64)
        movie = (MOVIES * random.random(wanted.sum()) ** 3).astype(np.int64)
        pair = np.unique(np.repeat(np.arange(size), wanted) * MOVIES + movie)
        counts.append(np.bincount(pair // MOVIES, minlength=size))
        indices.append((pair % MOVIES).astype(np.int32))
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    size = int(indptr[-1])
    bounds = indptr.astype(np.int32 if size < 2**31 else np.int64)
    stars = random.integers(1, 6, size, dtype=np.int8).astype(np.float32)
    matrix = csr_array((stars, np.concatenate(indices), bounds), shape=(users, MOVIES))
    first = np.repeat(random.integers(9 * 10**8, 16 * 10**8, users), np.diff(indptr))
    rated_at = first + random.integers(0, 3_600, size)
    genre = csr_array(
        (np.ones(MOVIES, np.float32), (np.arange(MOVIES), random.integers(0, 18, MOVIES))), shape=(MOVIES, 18)
    )
    return Snapshot(
        fingerprint=f"generated-{size}",
        dataset="generated",
        scale=(1.0, 5.0),
        user_ids=np.arange(users),
        movie_ids=np.arange(MOVIES),
        ratings=matrix,
        rated_at=rated_at,
        genre_counts=genre_counts(matrix, genre),
        registration_months=registration_months(matrix, rated_at),
        user_features=csr_array((users, 0), dtype=np.float32),
        movie_features=genre,
        user_columns=(),
        movie_columns=tuple(f"genre={number}" for number in range(18)),
    )


def in_a_process(work: Callable[..., Any], *asked: Any) -> tuple[Any, Taken]:
    """What a function gives in a process of its own, and what it took there."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, asked))


def _measured(work: Callable[..., Any], asked: tuple[Any, ...]) -> tuple[Any, Taken]:
    own, done = [0.0], threading.Event()

    def look() -> None:
        while not done.wait(0.02):
            status = Path("/proc/self/status").read_text()
            own[0] = max(own[0], float(status.partition("RssAnon:")[2].split()[0]) / 1e3)

    watch = threading.Thread(target=look)
    watch.start()
    began = time.perf_counter()
    found = work(*asked)
    seconds = time.perf_counter() - began
    done.set()
    watch.join()
    return found, Taken(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, own[0])


def generate(ratings: int, folder: Path) -> int:
    """Write a snapshot; returns how many ratings it has."""
    snapshot = snapshot_of(ratings)
    snapshot.save(folder)
    return int(snapshot.ratings.nnz)


def cut(folder: Path) -> int:
    """Write the shards; returns how many there are."""
    return len(files.write(Snapshot.load(folder), folder))


def pairs_of_one(folder: Path) -> None:
    """A worker's task while fitting: the first shard's Gram matrix."""
    snapshot = Snapshot.load(folder)
    counts = np.bincount(snapshot.ratings.indices, minlength=MOVIES)
    room = folder / "one"
    room.mkdir()
    np.savez(
        room / PLAN,
        covered=np.sort(np.argsort(-counts, kind="stable")[:HEAD]),
        attribute_weight=0.5,
        count_exponent=0.5,
        mean_count=mean_count(snapshot),
    )


def fitted(folder: Path, home: Home, engine: str) -> str:
    """Fit ``ease`` over the shards and store it; returns the model's id."""
    snapshot, model = Snapshot.load(folder), Ease(EaseConfig(most_movies=HEAD))
    with engine_for(engine) as shards:
        model.spread = Spread(shards, folder)
        model.fit(snapshot)
    manifest = store.Manifest.of(model, snapshot, seconds=0.0)
    if not (home.models / manifest.model_id).exists():
        store.save(home, model, manifest, snapshot)
    weights = hashlib.sha256(model.weights.tobytes()).hexdigest()
    (folder / f"weights-{engine}").write_text(weights)
    return manifest.model_id


def listed(folder: Path, home: Home, model_id: str, engine: str) -> str:
    """Make all users' tables; returns a hash of the files."""
    with engine_for(engine) as shards:
        made = OnEngine(shards)(home, folder, model_id, CONFIG, ())
    digest = hashlib.sha256()
    for part in made.folders:
        for file in sorted(part.glob("*.parquet")):
            digest.update(file.read_bytes())
    made.put_away()
    return digest.hexdigest()


def engine_for(name: str) -> Any:
    """The engine by name, to be closed after the block."""
    if name == "local":
        local: Engine = Local()
        return nullcontext(local)
    return closing(Ray())


def measure(million: int, engines: list[str], rows: list[tuple[object, ...]], root: Path) -> None:
    """All steps of one size, a row each."""
    folder, home = root / "snapshots" / "generated", Home.at(root)
    ratings, taken = in_a_process(generate, million * 10**6, folder)
    users = len(np.load(folder / "user_ids.npy", mmap_mode="r"))
    shards, cutting = in_a_process(cut, folder)

    def say(step: str, it: Taken) -> None:
        rows.append(
            (
                f"{ratings / 1e6:.0f}", f"{users:,}", shards, step,
                f"{it.seconds:.1f}", f"{it.peak:,.0f}", f"{it.own:,.0f}",
            )
        )  # fmt: skip
        print(rows[-1], flush=True)

    say("generated", taken)
    say("shards written", cutting)
    in_a_process(pairs_of_one, folder)
    _, taken = in_a_process(compute, Part(gram_of, folder / "one", folder, 0))
    say("a worker: one shard's Gram", taken)
    hashes: dict[str, set[str]] = {"weights": set(), "lists": set()}
    for engine in engines:
        model_id, taken = in_a_process(fitted, folder, home, engine)
        say(f"{engine}: fit", taken)
        hashes["weights"].add((folder / f"weights-{engine}").read_text())
    _, taken = in_a_process(make_lists, Lists(home, folder, model_id, CONFIG, (), folder / "two", 0))
    say("a worker: one shard's lists and reasons", taken)
    for engine in engines:
        found, taken = in_a_process(listed, folder, home, model_id, engine)
        say(f"{engine}: lists and reasons", taken)
        hashes["lists"].add(found)
    assert all(len(found) == 1 for found in hashes.values()), hashes


def main() -> None:
    """Measure the sizes that are asked for and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shards", description=__doc__)
    parser.add_argument("million", nargs="*", type=int, default=[1, 10])
    parser.add_argument("--ray", type=int, default=0, help="millions up to which Ray does the same")
    asked = parser.parse_args()
    rows: list[tuple[object, ...]] = []
    for million in asked.million:
        root = Path(tempfile.mkdtemp(prefix="shards-"))
        try:
            measure(million, ["local", *(["ray"] if million <= asked.ray else [])], rows, root)
        finally:
            shutil.rmtree(root)
        write("shards", "Shards of users", NOTES, [markdown(HEADER, rows)], rows)


if __name__ == "__main__":
    main()
