"""The facts of the morning's page: what the last publication was made of, and how it differs from the one before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb

from recengine.config import Home
from recengine.errors import NotReady
from recengine.models import store
from recengine.outcomes.trend import Day, days_of
from recengine.serving.report.rules import rows_in, rules_in
from recengine.serving.report.tunings import Tuned, tuning_of
from recengine.serving.versions import current_version, versions
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import damage_told

NIGHTS = 14
USERS = 5
METRICS = ("ndcg@10", "recall@10", "coverage@10", "rmse")


@dataclass(frozen=True)
class Facts:
    """The facts of a publication.

    Attributes
    ----------
    publication : dict
        The row that the published file says of itself.
    reason : str
        Why it was published.
    load : dict
        Counts of the load it was made from; empty where that is no longer known.
    history : list of dict
        The last publications, oldest first: version, happened_at, model_id, metrics.
    curve : list of dict
        What training logged per step; empty for models solved in closed form.
    popularity : list of dict
        Per tenth of the catalogue, most rated first: share_of_ratings, share_of_lists, coverage.
    lists : dict of int to list of tuple
        Per user (rank, movie now, movie before or None).
    among : dict of (int, int) to str
        Per user and rank what is among the reasons, in words; empty without reasons.
    before : str or None
        The version before, if it is kept.
    tuned : Tuned or None
        The last tuning of the dataset's recipe, if there was one.
    rules : list of dict
        The rows of the table ``rules``.
    outcomes : tuple of Day
        What came of the lists on the last days that have outcomes, oldest first.
    compared : list of dict
        The rows of the table ``outcomes_by_variant``.
    """

    publication: dict[str, Any]
    reason: str
    load: dict[str, Any]
    history: list[dict[str, Any]]
    curve: list[dict[str, float]]
    popularity: list[dict[str, float]]
    lists: dict[int, list[tuple[int, str | None, str | None]]]
    before: str | None
    tuned: Tuned | None = None
    rules: list[dict[str, Any]] = field(default_factory=list)
    outcomes: tuple[Day, ...] = ()
    compared: list[dict[str, Any]] = field(default_factory=list)
    among: dict[tuple[int, int], str] = field(default_factory=dict)


def gather(con: duckdb.DuckDBPyConnection, home: Home) -> Facts:
    """Collect the facts of what is published.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse.
    home : Home
        Whose publication.

    Raises
    ------
    NotReady
        Nothing is published.
    """
    version = current_version(home)
    if version is None:
        raise NotReady(f"Nothing is published under {home.root} yet", "run `recengine run` first")
    before = _before(con, home, version)
    with _attached(con, home, version, before):
        [publication] = _rows(con.execute("FROM published.publication"))
        publication["metrics"] = json.loads(publication["metrics"])
        popularity = _rows(sqlfiles.run(con, "report/popularity"))
        rules, compared = rules_in(con), rows_in(con, "outcomes_by_variant")
        lists, among = _lists(con, before is not None), _among(con)
    history = _rows(sqlfiles.run(con, "report/history", {"n": NIGHTS}))
    for entry in history:
        entry["metrics"] = json.loads(entry["metrics"])
    loads = _rows(
        con.execute(
            "FROM ops.loads WHERE input_fingerprint = ? AND status <> 'failed' "
            "ORDER BY started_at DESC LIMIT 1",
            [publication["input_fingerprint"]],
        )
    )
    stored = (home.models / publication["model_id"]).exists()
    return Facts(
        publication=publication,
        reason=_reason(con, version),
        load=loads[0] if loads else {},
        history=history,
        curve=store.manifest_of(home, publication["model_id"]).history if stored else [],
        popularity=popularity,
        lists=lists,
        before=before,
        among=among,
        tuned=tuning_of(con, publication["dataset"]),
        rules=rules,
        outcomes=tuple(days_of(con, publication["dataset"], 3 * NIGHTS)),
        compared=compared,
    )


def load_rows(facts: Facts) -> list[tuple[str, Any]]:
    """What was loaded, and what was quarantined by reason."""
    if not facts.load:
        return [("load", "no longer known")]
    named = [
        (name.replace("_", " "), facts.load[name]) for name in _LOADED if facts.load.get(name) is not None
    ]
    reasons = json.loads(facts.load["quarantined_by_reason"] or "{}")
    return [*named, *((f"quarantined: {reason}", count) for reason, count in reasons.items())]


_LOADED = (
    *("ratings", "movies", "users", "users_without_attributes", "repeated_ratings", "quarantined"),
    "scale_evidence",
)


def _reason(con: duckdb.DuckDBPyConnection, version: str) -> str:
    """Why a version was published, where that is known."""
    query = "SELECT reason FROM ops.publications WHERE version = ? AND action IN ('published', 'found')"
    found = con.execute(query, [version]).fetchone()
    return found[0] if found else ""


def _lists(
    con: duckdb.DuckDBPyConnection, has_before: bool
) -> dict[int, list[tuple[int, str | None, str | None]]]:
    now = sqlfiles.run(con, "report/lists", {"n": USERS}, schema="published").fetchall()
    then = sqlfiles.run(con, "report/lists", {"n": USERS}, schema="earlier").fetchall() if has_before else []
    new, old = ({(user, rank): movie for user, rank, movie in rows} for rows in (now, then))
    by_user: dict[int, list[tuple[int, str | None, str | None]]] = {}
    for user, rank in sorted(new | old):
        by_user.setdefault(user, []).append((rank, new.get((user, rank)), old.get((user, rank))))
    return by_user


def _among(con: duckdb.DuckDBPyConnection) -> dict[tuple[int, int], str]:
    """What speaks for the movies in the lists; nothing of a version from before there were reasons."""
    there = "FROM duckdb_tables() WHERE database_name = 'published' AND table_name = 'reasons'"
    if not con.execute(there).fetchone():
        return {}
    found = sqlfiles.run(con, "report/reasons", {"n": USERS}).fetchall()
    return {(user, rank): among for user, rank, among in found}


def _before(con: duckdb.DuckDBPyConnection, home: Home, version: str) -> str | None:
    """The publication before a version, if its file is kept."""
    rows = con.execute(
        "SELECT version FROM ops.publications WHERE action IN ('published', 'found') AND version < ? ORDER BY 1 DESC",
        [version],
    ).fetchall()
    kept = versions(home)
    return next((older for (older,) in rows if older in kept), None)


@contextmanager
def _attached(con: duckdb.DuckDBPyConnection, home: Home, version: str, before: str | None) -> Iterator[None]:
    names = {"published": version} | ({"earlier": before} if before else {})
    for name, file in names.items():
        path = home.serving / f"serving-{file}.duckdb"
        with damage_told(path):
            con.execute(f"ATTACH {sqlfiles.path_literal(path)} AS {name} (READ_ONLY)")
    try:
        with damage_told(home.serving_link):
            yield
    finally:
        for name in names:
            con.execute(f"DETACH {name}")


def _rows(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def measured(figures: dict[str, Any]) -> str:
    """When and on what a publication's metrics were measured; of what, where that is another model."""
    if "measured_at" not in figures:
        return "not recorded"
    return "{measured_at}: {measured_model} on {measured_on}, {measured_users:,} users".format(**figures)
