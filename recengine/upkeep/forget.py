"""Forget: users leave every table, kept version, model, snapshot and page under the home, bytes included.

DuckDB does not overwrite what is deleted, so each database is written anew and takes the old one's place in one
rename: readers see the old file or the new one. What only holds users by their place (snapshots, judgements, results
kept for a retry) and what was set aside as damaged is removed; the next night makes it again. The sources are the
person's own: see ``still_in``.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
from pydantic import BaseModel

from recengine.config import Home
from recengine.errors import BadInput, StillThere
from recengine.models import store
from recengine.outcomes import lists
from recengine.runtime import durable
from recengine.serving.versions import STORAGE_VERSION, only_publisher, path_of, remove, versions
from recengine.upkeep.traces import files_with, traces
from recengine.warehouse import erasure, sqlfiles
from recengine.warehouse.connection import fresh_database, memory, warehouse
from recengine.warehouse.history import contents, forgotten, loads
from recengine.warehouse.transaction import transaction

log = logging.getLogger(__name__)

Also = Callable[[Sequence[int], Sequence[str]], None]


class ForgetReport(BaseModel):
    """What was done; ``still_in`` names the source files that held the users at the last load."""

    users: list[int]
    keys: list[str]  # how the source writes them, where its ids are text
    rows: dict[str, int] = {}  # erased, by table of the warehouse
    quoted_lines: int = 0
    versions: list[str] = []
    versions_removed: list[str] = []  # could not be read, and so not be written anew
    lists: list[str] = []  # of past versions, those still kept among them
    models: list[str] = []
    pages: list[str] = []
    still_in: list[str] = []


def forget(home: Home, users: Sequence[int | str], also: Also | None = None) -> ForgetReport:
    """Remove users from everything under a home, keep them out of later loads, and prove it.

    Parameters
    ----------
    home : Home
        Whose run lock the caller holds.
    users : sequence of int or str
        User ids, or them as the source writes them where they are text.
    also : callable, optional
        Removes them, by ids and texts, from what others keep under the home, before it is audited.

    Raises
    ------
    BadInput
        One of them is known nowhere; nothing was changed.
    StillThere
        The audit found one of them in something that could not be written anew.
    """
    with only_publisher(home):
        report = _erase(home, users)
        done = {version: _without(home, version, report.users) for version in versions(home)}
        report.versions = [version for version, how in done.items() if how == "written anew"]
        report.versions_removed = [version for version, how in done.items() if how == "removed"]
        report.lists = lists.without(home, report.users, _replace)
        report.models = _change_models(home, report.users)
        report.pages = _cut_pages(home, report.users)
        _remove_places(home)
    if report.still_in:
        log.warning(
            "forget: loads will leave them out, but the source still has them: take them out of %s, and out of your "
            "own copies",
            ", ".join(report.still_in),
        )
    if also is not None:
        also(report.users, report.keys)
    _audit(home, report)
    log.info(
        "forget: %s rows, %s versions, %s models, %s pages",
        f"{sum(report.rows.values()):,}",
        len(report.versions),
        len(report.models),
        len(report.pages),
    )
    return report


def readmit(home: Home, users: Sequence[int | str]) -> None:
    """Let later loads count users again who were forgotten.

    Raises
    ------
    BadInput
        One of them is not on the list.
    """
    with warehouse(home.warehouse) as con:
        ids = set()
        for user in users:
            listed = forgotten.listed(con, _meant(user))
            if not listed:
                raise BadInput(f"User {user} is not on the list of forgotten users; check the id.")
            ids |= listed
        forgotten.readmit(con, sorted(ids))


def _meant(user: int | str) -> list[int]:
    """The ids that a user's number or text may stand for."""
    text = str(user).strip()
    numbers = [int(text)] if re.fullmatch(r"[+-]?\d{1,18}", text) else []
    return numbers if str(user) in map(str, numbers) else [*numbers, erasure.id_of_key(text)]


def _known(con: duckdb.DuckDBPyConnection, home: Home, users: Sequence[int | str]) -> list[int]:
    """The users' ids. A wrong one is refused: it would keep out whoever gets it later."""
    meant = {user: _meant(user) for user in users}
    every = sorted({number for numbers in meant.values() for number in numbers})
    listed_or_there = forgotten.listed(con, every).union(*(ids for _, ids in traces(home, every, con)))
    for user, numbers in meant.items():
        if not listed_or_there & set(numbers):
            raise BadInput(
                f"No user {user} is known under {home.root}, and nothing was changed; check the id."
            )
    return sorted(listed_or_there)


def _erase(home: Home, users: Sequence[int | str]) -> ForgetReport:
    """Put users on the list, take them out of the warehouse, and write that anew."""
    with warehouse(home.warehouse) as con:
        ids = _known(con, home, users)
        texts = {str(user).strip() for user in users} - {str(user) for user in ids}
        report = ForgetReport(users=ids, keys=sorted(texts.union(erasure.keys_of(con, ids))))
        report.still_in = _files_of(con, ids)
        with transaction(con):
            forgotten.add(con, ids)
            report.rows = erasure.erase(con, ids)
            report.quoted_lines = forgotten.blank_quotes(con, report.keys)
            con.execute("DELETE FROM scores.origin")  # what is scored is no longer everybody's
            # Other data than any there was, also for the next load, whose counts are then those without them.
            contents.mark_changed(con)
        _write_anew(con, home.warehouse)
    return report


def _audit(home: Home, report: ForgetReport) -> None:
    with warehouse(home.warehouse) as con:
        places = [place for place, _ in traces(home, report.users, con)]
    if places := places or files_with(home, report.users, report.keys):
        raise StillThere(home.root, places)


def _files_of(con: duckdb.DuckDBPyConnection, users: Sequence[int]) -> list[str]:
    """The source's files that the users' rows came from."""
    loaded = loads.last_source(con)
    names = con.execute(
        "WITH held AS (SELECT file_id FROM raw.ratings WHERE list_contains($1::BIGINT[], user_id) "
        "UNION SELECT file_id FROM raw.users WHERE list_contains($1::BIGINT[], user_id)) "
        "SELECT name FROM ops.files SEMI JOIN held USING (file_id) ORDER BY name",
        [list(users)],
    ).fetchall()
    return [str(Path(loaded[1] if loaded else "") / name) for (name,) in names]


def _write_anew(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Put a copy of what the open database holds now in its place; the connection is good for nothing after it."""
    [(name,)] = con.execute("SELECT current_database()").fetchall()
    fresh = path.with_name(f".{path.name}.fresh")
    remove(fresh)
    con.execute("CHECKPOINT")  # so that nothing is written to the old one's place when it closes
    with fresh_database(con, fresh, "fresh"):
        con.execute(f'COPY FROM DATABASE "{name}" TO fresh')
    _replace(fresh, path)


def _without(home: Home, version: str, users: Sequence[int]) -> str:
    """Write a published version anew without some users, under its own name and with its own access."""
    path, building = path_of(home, version), home.serving / f"building-{version}.duckdb"
    with memory() as con:
        try:
            con.execute(f"ATTACH {sqlfiles.path_literal(path)} AS old (READ_ONLY)")
        except duckdb.Error as error:
            log.warning("forget: version %s cannot be read (%s) and is removed", version, error)
            remove(path)
            return "removed"
        with fresh_database(con, building, "fresh", storage_version=STORAGE_VERSION):
            left_behind = _copy(con, users)
    if not left_behind:
        return "as it was"
    _replace(building, path)
    return "written anew"


def _copy(con: duckdb.DuckDBPyConnection, users: Sequence[int]) -> int:
    """Copy all from ``old`` to ``fresh``, with comments and keys, but some users; how many rows stayed behind."""
    con.execute("COPY FROM DATABASE old TO fresh (SCHEMA)")
    left = 0
    tables = con.execute(
        "SELECT table_name, list_contains(list(column_name), 'user_id') FROM duckdb_columns() "
        "SEMI JOIN duckdb_tables() USING (database_name, table_name) WHERE database_name = 'old' GROUP BY ALL"
    ).fetchall()
    for table, by_user in tables:
        kept = "NOT list_contains($users::BIGINT[], user_id)" if by_user else "true"
        parameters = {"users": list(users)} if by_user else {}
        con.execute(f"INSERT INTO fresh.{table} FROM old.{table} WHERE {kept}", parameters)
        [(rows,)] = con.execute(
            f"SELECT (SELECT count(*) FROM old.{table}) - (SELECT count(*) FROM fresh.{table})"
        ).fetchall()
        left += rows
    con.execute(
        "UPDATE fresh.publication SET users = (SELECT count(*) FROM fresh.users), "
        "recommendations = (SELECT count(*) FROM fresh.recommendations)"
    )
    return left


def _replace(fresh: Path, path: Path) -> None:
    """Put a file in the place of another, with its mode, its group and, where we may, its owner."""
    shutil.copymode(path, fresh)
    _belong(fresh, path)
    durable.move(fresh, path)


def _belong(path: Path, to: Path) -> None:
    owner = to.stat()
    os.chown(path, owner.st_uid if os.geteuid() == 0 else -1, owner.st_gid)


def _change_models(home: Home, users: Sequence[int]) -> list[str]:
    changed = [m.model_id for m in store.stored(home) if store.forget_users(home, m.model_id, users)]
    for folder in (home.models / model_id for model_id in changed):
        for path in (folder, *folder.iterdir()):
            _belong(path, home.models)
    return changed


def _cut_pages(home: Home, users: Sequence[int]) -> list[str]:
    """Take the users' lists out of the pages under ``reports/``."""
    ids = "|".join(map(str, users))
    section = re.compile(rf"<h3>User (?:{ids})</h3><table>.*?</table>", re.DOTALL)
    cut = []
    for path in sorted(home.reports.glob("*.html")):
        page, times = section.subn("", path.read_text(encoding="utf-8"))
        if times:
            partial = path.with_suffix(".partial")
            partial.write_text(page, encoding="utf-8")
            _replace(partial, path)
            cut.append(path.name)
    return cut


def _remove_places(home: Home) -> None:
    """What knows users by their place among the others, or cannot be read; the next run makes it again."""
    made = (home.sources / "read", home.exports, home.snapshots, home.as_of, home.models / "judgements")
    for folder in (*made, home.prefect / "storage"):
        _remove(*folder.glob("*"), *folder.glob(".*"))
    whole = {manifest.model_id for manifest in store.stored(home)} | {"judgements"}
    _remove(*(path for path in home.models.glob("*") if path.name not in whole), *home.models.glob(".*"))
    _remove(*home.root.rglob("*.damaged-*"), *home.reports.glob("*.partial"))
    remove(home.warehouse.with_name(f".{home.warehouse.name}.fresh"))


def _remove(*paths: Path) -> None:
    for path in paths:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
