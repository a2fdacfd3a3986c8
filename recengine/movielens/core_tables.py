"""What all source files say together: ``raw.*`` -> ``core.*`` and ``raw.left_out``.

``core.ratings`` is a view: all ratings but those that ``raw.left_out`` names.
"""

from __future__ import annotations

import duckdb

from recengine.movielens import scaling
from recengine.movielens.accounts import one
from recengine.movielens.reader import reading_of, refuse_mixed
from recengine.movielens.scale import ScaleFinding
from recengine.movielens.source import Source
from recengine.warehouse import sqlfiles


def build(con: duckdb.DuckDBPyConnection, source: Source, asked_scale: str) -> ScaleFinding:
    """Make the core tables from the raw ones.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse into whose ``raw.*`` every file of the source was read.
    source : Source
        The files.
    asked_scale : str
        The ratings' scale as the option says it, empty where it says nothing.

    Returns
    -------
    ScaleFinding
        The scale of the ratings, and what it was found by.
    """
    largest = _join_ratings(con, source)
    decided, some_off_scale = scaling.decide(con, source, asked_scale)
    some_described = any(file.role == "movies" for file in source.files)
    sqlfiles.run(con, "ingest/core_movies" if some_described else "ingest/core_movies_by_id")
    _leave_out(con, largest, some_off_scale)
    _make_ratings_and_users(con, with_ratings=decided.scale is not None)
    return decided


def count_newest(con: duckdb.DuckDBPyConnection) -> None:
    """Make ratings and users anew where fewer lines count than were loaded; pairs to look at are ``rated_twice``."""
    con.execute("DELETE FROM raw.left_out WHERE reason IN ('repeated', 'superseded')")
    sqlfiles.run(con, "ingest/rated_again", suspects="FROM rated_twice")
    [(low,)] = con.execute("SELECT scale_low FROM ops.dataset").fetchall()
    _make_ratings_and_users(con, with_ratings=low is not None)


def _make_ratings_and_users(con: duckdb.DuckDBPyConnection, with_ratings: bool) -> None:
    some = one(
        con.execute("SELECT count(*) FROM raw.left_out JOIN ops.files USING (file_id) WHERE role = 'ratings'")
    )
    left_out = "ANTI JOIN raw.left_out USING (file_id, line)" if some else ""
    rating = "rating" if with_ratings else "1::FLOAT"
    sqlfiles.run(con, "ingest/core_ratings", left_out=left_out, rating=rating)
    sqlfiles.run(con, "ingest/core_users")


def _join_ratings(con: duckdb.DuckDBPyConnection, source: Source) -> int:
    """Make the view of all files' ratings; returns the id of the file with the most."""
    files = con.execute(
        "SELECT file_id, name FROM ops.files WHERE role = 'ratings' ORDER BY rows DESC, file_id"
    ).fetchall()
    ids = {name: file_id for file_id, name in files}
    readings = {file.name: reading_of(file, source.layout) for file in source.files if file.role == "ratings"}
    refuse_mixed(readings)
    parts = [
        sqlfiles.load(
            "ingest/raw_ratings_of_file", file_id=str(ids[name]), first_line=str(reading.first_line)
        )
        for name, reading in readings.items()
    ]
    sqlfiles.run(con, "ingest/raw_ratings", files="UNION ALL\n".join(parts))
    return int(files[0][0])


def _leave_out(con: duckdb.DuckDBPyConnection, largest: int, some_off_scale: bool) -> None:
    """Name the usable lines that another line or file rules out, repeats or supersedes."""
    con.execute("DELETE FROM raw.left_out")
    sqlfiles.run(con, "ingest/left_out", some_off_scale=str(some_off_scale).lower())
    if one(sqlfiles.run(con, "ingest/ascending", {"file_id": largest})):
        # Of a pair that occurs twice, one rating is then in another file.
        suspects = f"SELECT user_id, movie_id FROM raw.ratings WHERE file_id <> {largest}"
    else:
        suspects = "SELECT user_id, movie_id FROM raw.ratings GROUP BY ALL HAVING count(*) > 1"
    sqlfiles.run(con, "ingest/rated_again", suspects=suspects)
