"""Who may read what in a home: its owner everything, the readers' group what is published, nobody else anything.

The readers' group is ``RECENGINE_READERS_GROUP``, else the group of the home's folder. Its members pass through
the folder and read ``serving/``; the folder of a new home shows them nothing else. What is private is made so
again whenever its owner opens the home, however it was made. Widening ``serving/`` further is left to people.
"""

from __future__ import annotations

import grp
import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

from recengine.errors import BadInput

log = logging.getLogger(__name__)

GROUP = "RECENGINE_READERS_GROUP"
# A home that we make: its members of the readers' group reach what they know the name of, and list nothing.
NEW_HOME = 0o710

_PRIVATE = (
    "warehouse.duckdb", "warehouse.duckdb.wal", "warehouse.duckdb.tmp", "sources", "snapshots", "models", "exports",
    "prefect", "cache", "nights.json", "runs.json", "serve.json",
)  # fmt: skip


def settle(root: Path) -> None:
    """Make a home's private parts private and let its readers in, as far as they belong to this account.

    Raises
    ------
    BadInput
        There is no group of the name in ``RECENGINE_READERS_GROUP``, or this account is not in it.
    """
    for name in _PRIVATE:
        _set(root / name, 0, 0o700)
    if (root / "serving").exists():
        share(root)


def share(root: Path) -> None:
    """Let the readers' group at what is published; raises as ``settle``."""
    group = _readers(root)
    if not root.stat().st_mode & stat.S_IXOTH:
        _give(root, group)
        _set(root, 0o010)
    if (root / "metrics.prom").exists():
        _give(root / "metrics.prom", group)
        _set(root / "metrics.prom", 0o040)
    if not (root / "serving").exists():
        return
    _give(root / "serving", group)
    _set(root / "serving", 0o050)
    for file in (root / "serving").glob("serving-*.duckdb"):
        _give(file, group)
        _set(file, 0o040)


def _readers(root: Path) -> int:
    name = os.environ.get(GROUP)
    if not name:
        return root.stat().st_gid
    try:
        return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise BadInput(
            f"There is no group {name!r} on this machine; make it, or name another in {GROUP}."
        ) from None


def _give(path: Path, group: int) -> None:
    status = path.lstat()
    if status.st_gid == group or not _ours(status):
        return
    try:
        os.chown(path, -1, group, follow_symlinks=False)
    except PermissionError:
        raise BadInput(
            f"{path} cannot be given to group {group}; add this account to it, or name another in {GROUP}."
        ) from None


def _set(path: Path, wanted: int, kept: int = 0o7777) -> None:
    """Add mode bits; with ``kept``, take all others away."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(status.st_mode)
    changed = mode & kept | wanted
    if changed == mode or not _ours(status) or stat.S_ISLNK(status.st_mode):
        return
    try:
        path.chmod(changed)
    except OSError as error:  # a file system without modes, or a read-only one
        log.warning("%s keeps its mode %o: %s", path, mode, error.strerror)


def _ours(status: os.stat_result) -> bool:
    return os.geteuid() in (0, status.st_uid)


def inherit(folder: Path, parent: Path) -> None:
    """Let those who may read a folder read another in it, with all that is there."""
    status = parent.stat()
    for entry in (folder, *folder.rglob("*")):
        readable = stat.S_IMODE(status.st_mode) & (0o055 if _is_of(entry, status.st_gid) else 0o005)
        entry.chmod(0o700 | readable if entry.is_dir() else 0o600 | readable & 0o044)


def let_readers_in(folder: Path) -> None:
    """Let the readers' group, where one is named, into a folder of ours outside the home; raises as ``settle``."""
    if os.environ.get(GROUP):
        _give(folder, _readers(folder))
        _set(folder, 0o050)


def _is_of(path: Path, group: int) -> bool:
    """Whether something belongs to a group, or could be given to it."""
    with suppress(PermissionError):
        if path.lstat().st_gid != group:
            os.chown(path, -1, group, follow_symlinks=False)
        return True
    return False
