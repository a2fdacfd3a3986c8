"""What Prefect keeps about users: lists in artifacts, and lines of source files that messages and logs quote."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing

from recengine.config import Home
from recengine.errors import RecengineError
from recengine.upkeep.traces import LONG

WAIT_SECONDS = 30.0

_TEXTS = """
SELECT m.name, p.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p
WHERE m.type = 'table' AND (p.type LIKE '%CHAR%' OR p.type LIKE '%TEXT%' OR p.type LIKE '%JSON%')
"""


def forget(home: Home, users: Sequence[int], keys: Sequence[str] = ()) -> None:
    """Remove users from Prefect's database under a home: artifacts with their lists, and ids in quoted lines.

    Parameters
    ----------
    home : Home
    users : sequence of int
        User ids.
    keys : sequence of str
        How source files write those that are text there.

    Raises
    ------
    RecengineError
        The database stayed locked.
    """
    path = home.prefect / "prefect.db"
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)) as con:
            con.execute("PRAGMA secure_delete = ON")
            con.execute("BEGIN IMMEDIATE")
            for table, column in con.execute(_TEXTS).fetchall():
                _clean(con, table, column, [*users, *keys])
            con.execute("COMMIT")
            con.execute("VACUUM")
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        raise RecengineError(
            f"Prefect's database {path} could not be cleaned ({error}); stop `recengine serve`, then run "
            "`recengine forget` again."
        ) from error


def _clean(con: sqlite3.Connection, table: str, column: str, users: Sequence[int | str]) -> None:
    for user in users:
        rows = con.execute(
            f'SELECT rowid, "{column}" FROM "{table}" WHERE "{column}" LIKE ? OR "{column}" LIKE ?',
            [f"%{user}%", f"%{_shown(user)}%"],
        ).fetchall()
        for row, text in rows:
            if table.startswith("artifact") and _lists(
                text, user
            ):  # made for the morning after, not for good
                con.execute(f'DELETE FROM "{table}" WHERE rowid = ?', [row])
            elif (cleaned := _without(text, user)) != text:
                con.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', [cleaned, row])


def _shown(user: int | str) -> str:
    """As a table of an artifact shows it."""
    return f"{user:,}" if isinstance(user, int) else user


def _lists(text: str, user: int | str) -> bool:
    """Whether an artifact, which is stored as JSON, holds a row of the user's list."""
    shown, id_ = re.escape(_shown(user)), re.escape(str(user))
    return bool(re.search(rf'\\?"user_id\\?": {id_}(?!\d)|(?:^|\\n)\| {shown} \| \d+ \|', text))


def _without(text: str, user: int | str) -> str:
    """The text without the id where it quotes a line of a source file; a long id is no other number anywhere."""
    word = rf"(?<![\w.]){re.escape(str(user))}(?!\w)"
    if len(str(user).lstrip("-")) >= LONG:
        return re.sub(word, "0", text)
    return re.sub(r'line \d+: [^)"\\\n]{0,80}', lambda quoted: re.sub(word, "0", quoted[0]), text)
