"""What the published tables, their audits and the exports cost: seconds and bytes of each, on generated ratings.

``python -m benchmarks.published --ratings 1000000`` (3 min on two cores), with ``--postgres ADDRESS`` also into a
PostgreSQL server. A table's bytes are those of a DuckDB file that holds it alone, its seconds those of the statements
that fill it; the lists themselves have been scored before, and so has what each genre's best cost to find.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.report import markdown, write
from recengine import features, ingest, publish, score
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.knobs.stages import IngestConfig, PublishConfig, ScoreConfig
from recengine.models import make, store
from recengine.movielens.layouts import recognise
from recengine.selection.sketch import sketch_of
from recengine.serving import tables
from recengine.serving.comparison import compare
from recengine.serving.exports import export_to
from recengine.serving.versions import STORAGE_VERSION, path_of
from recengine.synthetic.generator import GeneratorConfig, generate
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import warehouse

TOP_N, GENRE_N = 20, 3
USERS_PER_RATING, MOVIES_PER_ROOT = 1 / 165, 3.7  # as in the releases of 1 to 25 million ratings

LARGE = 10_000_000  # ratings from which everything is scored once
EXAMPLES = Path(__file__).parents[1] / "docs/examples/rules"
# The last one is published.
ADDITIONS: dict[str, dict[str, Any]] = {
    "lists and similar movies": {"reasons": 0},
    "and 3 reasons a row": {"reasons": 3},
    "and lists by variants": {"reasons": 0, "variants": "hybrid,hybrid+popularity_debias"},
    "and the three shipped rules": {"reasons": 0, "rules": str(EXAMPLES)},
    f"and {GENRE_N} rows a genre": {"reasons": 0, "genre_n": GENRE_N},
    f"and 3 reasons a row and {GENRE_N} rows a genre": {"reasons": 3, "genre_n": GENRE_N},
}

Seconds = dict[str, float]


def main() -> None:
    """Score, publish twice, export, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratings", type=int, default=1_000_000)
    parser.add_argument("--postgres", help="postgresql://host/database, with PGUSER and PGPASSWORD set")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recengine-published-") as folder:
        home = Home.at(Path(folder) / "home")
        scoring = scored(home, Path(folder) / "source", options.ratings)
        with warehouse(home.warehouse) as con:
            publish.publish(con, home, force=True)
            with statements() as seconds:
                report = publish.publish(con, home, PublishConfig(), force=True)
        sizes = bytes_of_tables(report.path)
        with clocked(scoring, "diff of two versions"):
            compare(home)
        exports = exported(home, report.version, Path(folder) / "there", options.postgres)
    page(options, report, scoring, seconds, sizes, exports)


def scored(home: Home, source: Path, ratings: int) -> Seconds:
    """Generate, load, fit, and score with each of the additions; the seconds of scoring."""
    users, movies = round(ratings * USERS_PER_RATING), round(MOVIES_PER_ROOT * ratings**0.5)
    generate(source, GeneratorConfig(layout="ml-1m", users=users, movies=movies, ratings=ratings, seed=1))
    seconds: Seconds = {}
    with warehouse(home.warehouse) as con:
        ingest.ingest(con, recognise(source), IngestConfig())
        folder = features.build(con, home).folder
        snapshot = Snapshot.load(folder)
        fitted = make("hybrid").fit(snapshot)
        figures: dict[str, float | None] = {}
        manifest = store.Manifest.of(
            fitted, snapshot, sketch=sketch_of(snapshot), seconds=0.0, metrics=figures
        )
        store.save(home, fitted, manifest, snapshot)
        for _ in range(2 if ratings < LARGE else 1):  # the first compiles
            for what, asked in ADDITIONS.items():
                with clocked(seconds, what):
                    score.score(con, home, folder, manifest.model_id, ScoreConfig(top_n=TOP_N, **asked))
    return seconds


@contextmanager
def clocked(seconds: Seconds, what: str) -> Iterator[None]:
    """Note how long a block takes."""
    began = time.perf_counter()
    yield
    seconds[what] = time.perf_counter() - began


@contextmanager
def statements() -> Iterator[Seconds]:
    """The seconds of each file of SQL that publishing runs; an audit's are those of loading and running it."""
    seconds: Seconds = {}
    run, load, since = sqlfiles.run, sqlfiles.load, [("", time.perf_counter())]

    def timed(con: duckdb.DuckDBPyConnection, name: str, *told: Any, **fragments: Any) -> Any:
        with clocked(seconds, name):
            return run(con, name, *told, **fragments)

    def noted(name: str, **fragments: str) -> str:
        before, began = since[0]
        since[0] = (name, time.perf_counter())
        if before.startswith("audits/"):
            seconds[before] = time.perf_counter() - began
        return load(name, **fragments)

    sqlfiles.run, sqlfiles.load = timed, noted
    try:
        yield seconds
    finally:
        sqlfiles.run, sqlfiles.load = run, load


def bytes_of_tables(published: Path) -> dict[str, tuple[int, int]]:
    """Rows and bytes of each table; the bytes of an empty file are taken off."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        con.execute(f"ATTACH {sqlfiles.path_literal(published)} AS published (READ_ONLY)")
        empty = _bytes_alone(con, Path(folder) / "empty.duckdb", "SELECT 1 AS one LIMIT 0")
        for table in tables.TABLES:
            size = _bytes_alone(con, Path(folder) / f"{table}.duckdb", f"FROM published.{table}")
            [(rows,)] = con.execute(f"SELECT count(*) FROM published.{table}").fetchall()
            found[table] = (rows, size - empty)
    return found


def _bytes_alone(con: duckdb.DuckDBPyConnection, file: Path, query: str) -> int:
    con.execute(f"ATTACH {sqlfiles.path_literal(file)} AS alone (STORAGE_VERSION '{STORAGE_VERSION}')")
    con.execute(f"CREATE TABLE alone.copied AS {query}")
    con.execute("DETACH alone")
    return file.stat().st_size


def exported(home: Home, version: str, there: Path, postgres: str | None) -> dict[str, tuple[float, int]]:
    """Seconds and bytes of each export."""
    found = {}
    for kind in ("parquet", "csv"):
        seconds: Seconds = {}
        with clocked(seconds, kind):
            export_to(home, path_of(home, version), f"{kind} {there}")
        size = sum(f.stat().st_size for f in (there / f"{kind}-{version}").rglob("*") if f.is_file())
        found[f"{kind}, by ranges of users"] = (seconds[kind], size)
    if postgres:
        seconds = {}
        with clocked(seconds, "postgres"):
            export_to(home, path_of(home, version), f"postgres {postgres}")
        found["postgres"] = (seconds["postgres"], 0)
    return found


def page(
    options: argparse.Namespace,
    report: publish.PublishReport,
    scoring: Seconds,
    seconds: Seconds,
    sizes: dict[str, tuple[int, int]],
    exports: dict[str, tuple[float, int]],
) -> None:
    """Write the tables."""
    by_table = [
        (table, f"{rows:,}", f"{size / 1e6:.1f}", f"{seconds[f'publish/{table}']:.2f}")
        for table, (rows, size) in sizes.items()
    ]
    audits = sorted(((s, n.removeprefix("audits/")) for n, s in seconds.items() if n.startswith("audits/")))[
        ::-1
    ]
    notes = [
        f"{options.ratings:,} generated ratings, {report.users:,} users, {TOP_N} rows each and {GENRE_N} a genre, "
        f"by hybrid. The whole publication, audits included: {report.seconds:.1f} s, "
        f"{report.megabytes:.1f} MB. Without rows by genre the audits that ask for them take next to nothing. "
        "Scoring is the whole stage, from a model on disk to tables in the warehouse; with rules it also makes the "
        "lists of 2,000 users without each, to say how many it changes."
    ]
    plain = next(iter(scoring.values()))
    others = [(what, f"{taken:.2f}", f"{taken / plain:.2f}") for what, taken in scoring.items()]
    sent = [
        (what, f"{taken:.2f}", f"{size / 1e6:.1f}" if size else "") for what, (taken, size) in exports.items()
    ]
    write(
        f"published_{options.ratings // 1_000_000}m",
        f"Published tables at {options.ratings / 1e6:g} million ratings",
        notes,
        [
            markdown(("table", "rows", "MB", "s"), by_table),
            markdown(("audit", "s"), [(name, f"{taken:.2f}") for taken, name in audits]),
            markdown(("export", "s", "MB"), sent),
            markdown(("scoring", "s", "× the lists"), others),
        ],
        {"scoring": scoring, "seconds": seconds, "tables": sizes, "exports": exports},
        command="python -m benchmarks.published "
        f"--ratings {options.ratings}" + (" --postgres ADDRESS" if options.postgres else ""),
    )


if __name__ == "__main__":
    main()
