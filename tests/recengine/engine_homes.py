"""Small warehouses and homes, for the tests of the stages after ingest."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

from recengine import features, ingest, publish, score
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.knobs.stages import IngestConfig, ScoreConfig
from recengine.models import make, store
from recengine.movielens.layouts import recognise
from recengine.selection.sketch import sketch_of
from recengine.synthetic.generator import GeneratorConfig, generate
from recengine.warehouse.connection import memory, warehouse
from recengine.warehouse.migrations import migrate

SMALL = GeneratorConfig(layout="ml-100k", users=40, movies=60, ratings=1_000, seed=7)

Movie = tuple[int, str, int | None, list[str]]
User = tuple[int, str | None, int | None, str | None, str | None]
Rating = tuple[int, int, float, str]

MOVIES: list[Movie] = [
    (10, "Alpha (1995)", 1995, ["Comedy", "Drama"]),
    (20, "Beta (1960)", 1960, ["Drama"]),
    (30, "Gamma", None, []),
]
USERS: list[User] = [
    (1, "F", 24, "writer", "94110"),
    (2, "M", 57, "doctor", "V5T1A"),
    (3, None, None, None, None),
]
RATINGS: list[Rating] = [
    (1, 10, 5.0, "2020-01-01 00:00:00"),
    (1, 20, 2.0, "2020-03-01 00:00:00"),
    (2, 20, 3.0, "2020-07-01 00:00:00"),
]


def core_of(
    movies: Sequence[Movie] = MOVIES, users: Sequence[User] = USERS, ratings: Iterable[Rating] = RATINGS
) -> duckdb.DuckDBPyConnection:
    """An in-memory warehouse whose core tables say what is given."""
    con = memory()
    migrate(con, Path("memory"))
    con.execute(
        "INSERT INTO ops.dataset VALUES ('tiny', 'ml-100k', 1, 5, 1, 'fingerprint', now()::TIMESTAMP)"
    )
    return fill_core(con, movies, users, ratings)


def fill_core(
    con: duckdb.DuckDBPyConnection,
    movies: Sequence[Movie] = MOVIES,
    users: Sequence[User] = USERS,
    ratings: Iterable[Rating] = RATINGS,
) -> duckdb.DuckDBPyConnection:
    """Make the core tables say what is given."""
    con.execute("BEGIN")
    for table in ("core.movies", "core.users", "raw.ratings_0"):
        con.execute(f"DELETE FROM {table}")
    con.executemany(
        "INSERT INTO core.movies (movie_id, title, year, genres) VALUES (?, ?, ?, ?::VARCHAR[])",
        [list(m) for m in movies],
    )
    con.executemany(
        "INSERT INTO raw.ratings_0 VALUES (?, ?, ?, epoch(?::TIMESTAMP)::BIGINT)", [list(r) for r in ratings]
    )
    con.executemany(
        "INSERT INTO core.users BY NAME SELECT $1 AS user_id, $2 AS gender, $3 AS age, $4 AS occupation, $5 AS zip, "
        "count(*) AS ratings, min(rated_at) AS first_rated_at, max(rated_at) AS last_rated_at "
        "FROM core.ratings WHERE user_id = $1",
        [list(user) for user in users],
    )
    con.execute("COMMIT")
    return con


def loaded(home: Home, config: GeneratorConfig = SMALL) -> Path:
    """Generate, ingest and build the features in a home; returns the snapshot's folder."""
    folder = home.sources / "generated"
    if not folder.exists():
        home.sources.mkdir(exist_ok=True)
        generate(folder, config)
    with warehouse(home.warehouse) as con:
        ingest.ingest(con, recognise(folder), IngestConfig())
        return features.build(con, home).folder


def trained(home: Home, snapshot_folder: Path, name: str = "popularity", **config: object) -> str:
    """Fit and store a model without any judging; returns its id."""
    snapshot = Snapshot.load(snapshot_folder)
    model = make(name, **config).fit(snapshot)
    manifest = store.Manifest.of(
        model, snapshot, sketch=sketch_of(snapshot), seconds=0.1, metrics={"ndcg@10": 0.25, "rmse": None}
    )
    store.save(home, model, manifest, snapshot)
    return manifest.model_id


def scored(home: Home, config: GeneratorConfig = SMALL) -> str:
    """All stages up to the scored tables; returns the model id."""
    folder = loaded(home, config)
    model_id = trained(home, folder)
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, model_id, ScoreConfig(top_n=5, similar_n=3, genre_n=2))
    return model_id


def published(home: Home) -> str:
    """Publish what is scored; returns the version."""
    with warehouse(home.warehouse) as con:
        return publish.publish(con, home).version


def copy_of(home: Home, root: Path) -> Home:
    """A home of one's own with the same content."""
    shutil.copytree(home.root, root, symlinks=True)
    return Home.at(root)
