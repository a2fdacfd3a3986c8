"""Three movies, two users, three ratings in every layout, and what the core tables say of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from hypothesis import HealthCheck, Phase, settings

from recengine.ingest import LoadReport, ingest
from recengine.knobs.stages import IngestConfig
from recengine.movielens.layouts import recognise
from recengine.warehouse.connection import memory
from recengine.warehouse.migrations import migrate

# A load is heavy: few examples, and none made smaller.
fuzzing = settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

FLAGS = {"Action": 1, "Comedy": 5, "Drama": 8}


def _item(movie: int, title: str, *genres: str) -> str:
    flags = ["1" if i in [FLAGS[g] for g in genres] else "0" for i in range(19)]
    return "|".join([str(movie), title, "01-Jan-1995", "", "http://example.invalid/", *flags]) + "\n"


FRAMES: dict[str, dict[str, str]] = {
    "ml-100k": {
        "u.item": _item(10, "Toys (1995)", "Comedy") + _item(20, "Café, The (1999)", "Action", "Drama")
        + _item(30, "unknown"),
        "u.user": "1|24|M|technician|85711\n2|53|F|other|94043\n",
        "u.data": "1\t10\t5\t1000000000\n1\t20\t3\t1000000001\n2\t10\t4\t1000000002\n",
    },
    "ml-1m": {
        "movies.dat": "10::Toys (1995)::Comedy\n20::Café, The (1999)::Action|Drama\n30::unknown::unknown\n",
        "users.dat": "1::M::24::17::85711\n2::F::53::0::94043\n",
        "ratings.dat": "1::10::5::1000000000\n1::20::3::1000000001\n2::10::4::1000000002\n",
    },
    "ml-10m": {
        "movies.dat": "10::Toys (1995)::Comedy\n20::Café, The (1999)::Action|Drama\n"
        "30::unknown::(no genres listed)\n",
        "ratings.dat": "1::10::5::1000000000\n1::20::3::1000000001\n2::10::4::1000000002\n",
    },
    "csv": {
        "movies.csv": "movieId,title,genres\n10,Toys (1995),Comedy\n"
        '20,"Café, The (1999)",Action|Drama\n30,unknown,(no genres listed)\n',
        "users.csv": "userId,gender,age,occupation\n1,M,24,technician\n2,F,53,other\n",
        "ratings.csv": "userId,movieId,rating,timestamp\n1,10,5.0,1000000000\n1,20,3.0,1000000001\n"
        "2,10,4.0,1000000002\n",
    },
}  # fmt: skip

MOVIES = [
    (10, "Toys (1995)", 1995, ["Comedy"]),
    (20, "Café, The (1999)", 1999, ["Action", "Drama"]),
    (30, "unknown", None, []),
]
RATINGS = [(1, 10, 5.0, 1000000000), (1, 20, 3.0, 1000000001), (2, 10, 4.0, 1000000002)]
JOBS = {"ml-100k": ("technician", "other"), "ml-1m": ("technician/engineer", "other"),
        "csv": ("technician", "other")}  # fmt: skip


def users_of(layout: str) -> list[tuple[Any, ...]]:
    """core.users of the frame, without the zip that only two layouts have."""
    if layout == "ml-10m":
        return [(1, None, None, None, 2), (2, None, None, None, 1)]
    job = JOBS[layout]
    return [(1, "M", 24, job[0], 2), (2, "F", 53, job[1], 1)]


def frame(layout: str, **more: str | bytes) -> dict[str, str | bytes]:
    """A copy of a layout's files; a keyword like ``ratings`` adds lines to the file of that role."""
    files: dict[str, str | bytes] = dict(FRAMES[layout])
    for role, lines in more.items():
        name = name_of(layout, role)
        files[name] = _bytes(files[name]) + _bytes(lines)
    return files


def name_of(layout: str, role: str) -> str:
    """The file of a role in a layout."""
    if layout == "ml-100k":
        return {"movies": "u.item", "users": "u.user", "ratings": "u.data"}[role]
    return f"{role}.csv" if layout == "csv" else f"{role}.dat"


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Make the folder hold exactly these files."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(_bytes(content))
    return folder


def warehouse_in_memory() -> duckdb.DuckDBPyConnection:
    """An empty warehouse at the newest schema."""
    con = memory()
    migrate(con, Path("memory"))
    return con


def load(con: duckdb.DuckDBPyConnection, folder: Path, **config: Any) -> LoadReport:
    """Ingest a folder; any share of bad rows is allowed unless the config says otherwise."""
    return ingest(con, recognise(folder), IngestConfig(**{"max_bad_share": 1.0} | config))


def table(con: duckdb.DuckDBPyConnection, what: str) -> list[tuple[Any, ...]]:
    """All rows of a core table, or the quarantine as (file, line, reason, raw), in a fixed order."""
    query = {
        "ratings": "SELECT user_id, movie_id, rating, epoch(rated_at)::BIGINT FROM core.ratings",
        "movies": "SELECT movie_id, title, year, genres FROM core.movies",
        "users": "SELECT user_id, gender, age, occupation, ratings FROM core.users",
        "quarantine": "SELECT file, line, reason, raw FROM ops.quarantine",
        "files": "SELECT name, rows, bad_rows FROM ops.files",
    }[what]
    return con.execute(query + " ORDER BY ALL").fetchall()
