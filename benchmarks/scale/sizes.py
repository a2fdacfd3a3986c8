"""The four sizes: MovieLens-shaped data from ``recengine generate``, and the releases' published counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from benchmarks.report import markdown
from benchmarks.scale.process import recengine
from recengine.warehouse.sqlfiles import scan_of

SEED = 1


@dataclass(frozen=True)
class Size:
    """A release's counts, and what is published about its long tails.

    ``published`` holds, where known, ratings per user (min, median, mean, max), ratings of the most rated
    movie and of the median rated one, and the mean rating, all as GroupLens' own files say.
    """

    name: str
    users: int
    movies: int
    ratings: int
    published: dict[str, float] = field(default_factory=dict)


SIZES = {
    size.name: size
    for size in (
        Size(
            "100k",
            943,
            1_682,
            100_000,
            {"user min": 20, "user median": 65, "user mean": 106.0, "user max": 737, "movie max": 583}
            | {"mean rating": 3.53},
        ),
        Size(
            "1m",
            6_040,
            3_706,
            1_000_209,
            {"user min": 20, "user median": 96, "user mean": 165.6, "user max": 2_314, "movie max": 3_428}
            | {"mean rating": 3.58},
        ),
        Size("10m", 69_878, 10_677, 10_000_054, {"user min": 20, "user mean": 143.1, "user max": 7_359}),
        Size(
            "25m",
            162_541,
            59_047,
            25_000_095,
            {"user min": 20, "user median": 71, "user mean": 153.8, "user max": 32_202}
            | {"movie median": 6, "movie max": 81_491, "mean rating": 3.53},
        ),
    )
}
MEASURES = (
    *(f"user {what}" for what in ("min", "median", "mean", "max")),
    *(f"movie {what}" for what in ("median", "mean", "max")),
    "mean rating",
)


def data_of(size: Size, cache: Path) -> Path:
    """The size's folder in the cache, generated there the first time.

    Every size has the csv layout of ml-20m and later, so that growth compares like with like.
    """
    folder = cache / "data" / size.name
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        shape = {"--users": size.users, "--movies": size.movies, "--ratings": size.ratings, "--seed": SEED}
        asked = [str(part) for option in shape.items() for part in option]
        recengine("generate", str(folder), "--layout", "ml-25m", *asked, home=cache / "home").check()
    return folder


def shape(folder: Path) -> dict[str, float]:
    """The counts and tails of a ratings file."""
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE ratings AS FROM read_csv({scan_of(folder / 'ratings.csv')})")
        found = con.execute("SELECT count(*) AS ratings, avg(rating) AS 'mean rating' FROM ratings")
        values = dict(zip(("ratings", "mean rating"), found.fetchall()[0], strict=True))
        for what in ("user", "movie"):
            row = con.execute(
                f"SELECT count(*), min(n), median(n), avg(n), max(n) "
                f"FROM (SELECT count(*) AS n FROM ratings GROUP BY {what}Id)"
            ).fetchall()[0]
            names = (f"{what}s", *(f"{what} {part}" for part in ("min", "median", "mean", "max")))
            values |= dict(zip(names, row, strict=True))
    return {name: float(value) for name, value in values.items()}


def shape_table(shapes: dict[str, dict[str, float]]) -> str:
    """Generated next to published: a row per measure, a column per size."""
    rows = []
    for measure in ("ratings", "users", "movies", *MEASURES):
        what, _, how = measure.partition(" ")
        cells = [f"ratings per {what}, {how}" if what in ("user", "movie") else measure]
        for name, found in shapes.items():
            size = SIZES[name]
            known = {"ratings": size.ratings, "users": size.users, "movies": size.movies} | size.published
            cells.append(
                _number(found[measure]) + (f" ({_number(known[measure])})" if measure in known else "")
            )
        rows.append(cells)
    return markdown(("generated (published)", *(f"ml-{name}" for name in shapes)), rows)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}" if value < 10 else f"{value:,.1f}"
