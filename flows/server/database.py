"""Prefect's database under the home: one that is damaged is set aside before a server starts on it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from recengine.config import Home
from recengine.runtime import durable


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
