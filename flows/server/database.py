"""Prefect's database under the home: a damaged one is set aside, a new one laid out, before a server starts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from flows.server import ready
from recengine.config import Home
from recengine.runtime import durable


def prepare(home: Home) -> str | None:
    """Set a damaged one aside, and where there is none give the home the one that is ready made.

    Returns
    -------
    str or None
        The sentence that says that one was damaged.
    """
    said = set_aside_if_damaged(home)
    ready.lay_out(home)
    return said


def set_aside_if_damaged(home: Home) -> str | None:
    """Set Prefect's database aside where it is damaged; no server may have it open.

    Returns
    -------
    str or None
        The sentence that says so.
    """
    path = home.prefect / "prefect.db"
    problem = _problem_of(path) if path.exists() else None
    if problem is None:
        return None
    for side in (Path(f"{path}-wal"), Path(f"{path}-shm")):
        side.unlink(missing_ok=True)  # of no use without it, and a new one would take them for its own
    return durable.set_aside(
        path, problem, "Prefect starts a new one: its past runs are gone, the published tables stay"
    )


def _problem_of(path: Path) -> str | None:
    """What SQLite says of a file that is not what it wrote."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as con:
            [(verdict,)] = con.execute("PRAGMA quick_check(1)").fetchall()
            con.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except sqlite3.OperationalError:  # locked, or not to be opened: the server says so
        return None
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if verdict == "ok" else " ".join(str(verdict).split())[:160]
