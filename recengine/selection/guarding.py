"""The guard at work: the scored tables against the published ones, before anything is built."""

from __future__ import annotations

import logging

import duckdb
import pyarrow as pa

from recengine.config import Home
from recengine.errors import GuardFailed
from recengine.selection.guard import guard
from recengine.serving.continuity import refuse_other_movies, refuse_to_replace
from recengine.serving.versions import current_version
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import published

log = logging.getLogger(__name__)

_LISTS = (
    "SELECT r.user_id, r.rank, r.movie_id, r.score "
    "FROM {table} AS r JOIN {users} AS u USING (user_id) WHERE u.ratings > 0"
)


def guard_tables(con: duckdb.DuckDBPyConnection, home: Home, *, force: bool = False) -> dict[str, float]:
    """Check ``scores.recommendations`` for collapse and for a break with what is published.

    Users without ratings are left out: they may all get one list.

    Returns
    -------
    dict of str to float
        The guard's figures (see ``recengine.selection.guard.GuardReport``).

    Raises
    ------
    BadInput
        Another dataset is published, and it is not forced.
    GuardFailed
        Unless forced, with every objection.
    """
    [(model, dataset, movies)] = con.execute(
        "SELECT model, dataset, (SELECT count(*) FROM features.movies) FROM scores.origin"
    ).fetchall()
    refuse_to_replace(home, dataset, force=force)
    refuse_other_movies(con, home, force=force)
    new = con.sql(_LISTS.format(table="scores.recommendations", users="core.users")).to_arrow_table()
    old, old_model = _published(home, dataset)
    why_empty = "" if new.num_rows else _why_empty(con, model)
    report = guard(new, old, movies=movies, model=model, old_model=old_model, why_empty=why_empty)
    if not report.ok and not force:
        raise GuardFailed(report.failures)
    for failure in report.failures:
        log.warning("publish: forced although %s", failure)
    return report.figures


def _why_empty(con: duckdb.DuckDBPyConnection, model: str) -> str:
    """What no row comes of."""
    [(users, movies, unrated)] = sqlfiles.run(con, "publish/unrated").fetchall()
    if users and not unrated:
        return (
            f"every one of the {users:,} users has rated every one of the {movies:,} movies, so nothing is left to "
            "recommend; add movies to the data"
        )
    return f"{model} recommends nothing, although {unrated:,} pairs of a user and a movie are unrated"


def _published(home: Home, dataset: str) -> tuple[pa.Table | None, str | None]:
    """The published lists and their model's name, None when they are another dataset's or not there."""
    if current_version(home) is None:
        return None, None
    with published(home.serving_link) as readers:
        [(model, published_dataset)] = readers.execute("SELECT model, dataset FROM publication").fetchall()
        if published_dataset != dataset:
            return None, None
        return readers.sql(_LISTS.format(table="recommendations", users="users")).to_arrow_table(), model
