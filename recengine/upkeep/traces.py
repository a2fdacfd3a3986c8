"""Traces: where a home still says a user's id. The audit of ``recengine.upkeep.forget``.

Databases and arrays are searched by what they call a user; ids long enough to be no other number by chance are also
searched for in the bytes of every file, as text and as numbers. The sources are not ours, and are left out.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
from safetensors.numpy import load_file

from recengine.config import Home
from recengine.outcomes import lists
from recengine.serving.versions import path_of, versions
from recengine.warehouse import erasure
from recengine.warehouse.connection import memory
from recengine.warehouse.sqlfiles import path_literal

LONG = 9  # digits from which an id is searched for in bytes

# A place, relative to the home, and the ids it says.
Trace = tuple[str, set[int]]


def traces(home: Home, users: Sequence[int], con: duckdb.DuckDBPyConnection) -> list[Trace]:
    """Tables, arrays and pages that say one of the ids.

    Parameters
    ----------
    home : Home
    users : sequence of int
        User ids.
    con : DuckDBPyConnection
        The open warehouse.

    Returns
    -------
    list of (str, set of int)
        ``warehouse.duckdb core.users``, ``models/x/ids.safetensors`` ..., and the ids found there; a published file
        that cannot be read may hold any of them.
    """
    said = [(f"{home.warehouse.name} {table}", ids) for table, ids in _in_tables(con, users)]
    for version in versions(home):
        path = path_of(home, version)
        try:
            # Attached, because an open reader in this process would make a connection see its file of before.
            with memory() as readers:
                readers.execute(f"ATTACH {path_literal(path)} AS version (READ_ONLY)")
                readers.execute("USE version")
                tables = list(_in_tables(readers, users))
        except duckdb.Error:
            tables = [("cannot be read", set(users))]
        said += [(f"{_name(home, path)} {table}", ids) for table, ids in tables]
    return [*said, *_in_lists(home, users), *_in_models(home, users), *_in_pages(home, users)]


def files_with(home: Home, users: Sequence[int], keys: Sequence[str] = ()) -> list[str]:
    """Files under a home, the sources apart, whose bytes say one of the ids, or of their texts, long enough for it.

    No database may be open in this process: closing a file gives up its lock.
    """
    numbers = [user.to_bytes(8, "little", signed=True) for user in users if len(str(abs(user))) >= LONG]
    words = [word.encode() for word in (*map(str, users), *keys) if len(word.lstrip("-")) >= LONG]
    ours = (path for path in sorted(home.root.rglob("*")) if not path.is_relative_to(home.sources))
    return [
        _name(home, path)
        for path in ours
        if path.is_file() and not path.is_symlink() and path.stat().st_size and _says(path, numbers, words)
    ]


def _in_tables(con: duckdb.DuckDBPyConnection, users: Sequence[int]) -> Iterator[Trace]:
    for table, by_id, _ in erasure.user_tables(con):
        if by_id:
            query = f"SELECT DISTINCT user_id FROM {table} WHERE list_contains(?::BIGINT[], user_id)"
            if rows := con.execute(query, [list(users)]).fetchall():
                yield table, {user for (user,) in rows}


def _in_lists(home: Home, users: Sequence[int]) -> Iterator[Trace]:
    for version in lists.kept(home):
        path = lists.path_of(home, version)
        if ids := set(users) if lists.problem_of(path) else lists.users_in(path, users):
            yield _name(home, path), ids


def _in_models(home: Home, users: Sequence[int]) -> Iterator[Trace]:
    for path in sorted(home.models.glob("*/ids.safetensors")):
        if ids := set(users) & set(load_file(path)["users"].tolist()):
            yield _name(home, path), ids


def _in_pages(home: Home, users: Sequence[int]) -> Iterator[Trace]:
    for path in sorted(home.reports.glob("*.html")):
        page = path.read_text(encoding="utf-8")
        if ids := {user for user in users if f"<h3>User {user}</h3>" in page}:
            yield _name(home, path), ids


def _says(path: Path, numbers: Sequence[bytes], words: Sequence[bytes]) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(number) >= 0 for number in numbers) or any(
            _has(content, word) for word in words
        )


def _has(content: mmap.mmap, word: bytes) -> bool:
    """Whether it holds a word of its own; plain searching is a hundred times a pattern's speed."""
    at = content.find(word)
    while at >= 0:
        around = content[max(at - 1, 0) : at] + content[at + len(word) : at + len(word) + 1]
        if not (around.isdigit() if word.isdigit() else around.isalnum()):
            return True
        at = content.find(word, at + 1)
    return False


def _name(home: Home, path: Path) -> str:
    return str(path.relative_to(home.root))
