"""The facts of the morning's page: what the last publication was made of, and how it differs from the one before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb

from recengine.config import Home
from recengine.errors import NotReady
from recengine.models import store
from recengine.outcomes.trend import Day, days_of
from recengine.serving import runs
from recengine.serving.report.rules import rows_in, rules_in
from recengine.serving.report.tunings import Tuned, tuning_of
from recengine.serving.runs import Run
from recengine.serving.versions import current_version, versions
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import damage_told
from recengine.warehouse.history import contents

NIGHTS = 14
USERS = 5
GENRES = 12
EXAMPLES = 3  # of lines for each reason
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
    inputs : list of dict
        Rows of ``ops.inputs`` of the same dataset, oldest first; the last is this publication's, where it is known.
    quarantined : list of dict
        Per reason lines and examples (where, not what), where the load is still the one that was published.
    genres : list of dict
        Per genre, most rated first: share_of_ratings, share_of_lists.
    short : dict
        Of all lists: users_changed (None without a version before), movies_in_a_list, movies, genres_a_list.
    seconds : dict of str to float
        Of the night's stages, as far as it had come; empty where nobody said.
    nights : list of Run
        The nights of the same dataset that published before, oldest first.
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
    inputs: list[dict[str, Any]] = field(default_factory=list)
    quarantined: list[dict[str, Any]] = field(default_factory=list)
    genres: list[dict[str, Any]] = field(default_factory=list)
    short: dict[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    nights: list[Run] = field(default_factory=list)


def gather(con: duckdb.DuckDBPyConnection, home: Home, seconds: Mapping[str, float] | None = None) -> Facts:
    """Collect the facts of what is published.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse.
    home : Home
        Whose publication.
    seconds : mapping of str to float, optional
        Of the stages of the night that is under way; those that ``runs.json`` has when left out.

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
        of_lists = _of_lists(con, before is not None)
    stored = (home.models / publication["model_id"]).exists()
    return Facts(
        publication=publication,
        reason=_reason(con, version),
        curve=store.manifest_of(home, publication["model_id"]).history if stored else [],
        before=before,
        **of_lists,
        **_of_nights(con, home, publication, seconds or {}),
    )


def _of_lists(con: duckdb.DuckDBPyConnection, has_before: bool) -> dict[str, Any]:
    """What the attached published file says."""
    [short] = _rows(sqlfiles.run(con, "report/lists_in_short"))
    short["users_changed"] = None
    if has_before and _is_published(con, "changes"):
        [(short["users_changed"],)] = con.execute(
            "SELECT count(DISTINCT user_id) FROM published.changes"
        ).fetchall()
    return {
        "popularity": _rows(sqlfiles.run(con, "report/popularity")),
        "rules": rules_in(con),
        "compared": rows_in(con, "outcomes_by_variant"),
        "lists": _lists(con, has_before),
        "among": _among(con),
        "genres": _rows(sqlfiles.run(con, "report/genres", {"n": GENRES})),
        "short": short,
    }


def _of_nights(
    con: duckdb.DuckDBPyConnection, home: Home, publication: dict[str, Any], seconds: Mapping[str, float]
) -> dict[str, Any]:
    """What the warehouse and ``runs.json`` say of this night and of those before, all of one dataset."""
    dataset, made_from = publication["dataset"], publication["input_fingerprint"]
    history = _rows(sqlfiles.run(con, "report/history", {"n": NIGHTS, "dataset": dataset}))
    for entry in history:
        entry["metrics"] = json.loads(entry["metrics"])
    loads = _rows(
        con.execute(
            "FROM ops.loads WHERE input_fingerprint = ? AND status <> 'failed' "
            "ORDER BY started_at DESC LIMIT 1",
            [made_from],
        )
    )
    is_loaded = contents.input_of(con) == made_from
    nights = [
        run for run in runs.last(home, flow="nightly") if (run.dataset, run.outcome) == (dataset, "Published")
    ]
    tonight = next((run for run in nights if publication["version"] in run.reason), None)
    asked = {"n": NIGHTS, "dataset": dataset, "input": made_from}
    return {
        "history": history,
        "load": loads[0] if loads else {},
        "tuned": tuning_of(con, dataset),
        "outcomes": tuple(days_of(con, dataset, 3 * NIGHTS)),
        "inputs": _rows(sqlfiles.run(con, "report/inputs", asked)),
        "quarantined": _rows(sqlfiles.run(con, "report/quarantined", {"n": EXAMPLES})) if is_loaded else [],
        "seconds": seconds or (tonight.seconds if tonight else {}),
        "nights": [run for run in nights if tonight is None or run.began < tonight.began][-NIGHTS:],
    }


def load_rows(facts: Facts) -> list[tuple[str, Any]]:
    """What was loaded, and what was quarantined by reason."""
    if not facts.load:
        return [("load", "no longer known")]
    named = [
        (name.replace("_", " "), facts.load[name]) for name in _LOADED if facts.load.get(name) is not None
    ]
    reasons = json.loads(facts.load["quarantined_by_reason"] or "{}")
    where = {row["reason"]: f" ({row['examples']})" for row in facts.quarantined}
    quarantined = (
        (f"quarantined: {reason}", f"{count:,}{where[reason]}" if reason in where else count)
        for reason, count in reasons.items()
    )
    return [*named, *quarantined]


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
    if not _is_published(con, "reasons"):
        return {}
    found = sqlfiles.run(con, "report/reasons", {"n": USERS}).fetchall()
    return {(user, rank): among for user, rank, among in found}


def _is_published(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether the attached published file, perhaps an earlier release's, has a table."""
    there = "FROM duckdb_tables() WHERE database_name = 'published' AND table_name = ?"
    return con.execute(there, [table]).fetchone() is not None


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
