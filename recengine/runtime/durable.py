"""Files and folders that are there whole or not at all, also after a power cut; and what to do with damaged ones.

What is written goes under a name beside its own, to the disk, and only then gets its name: a rename that reached the
disk before the data would leave an empty file that looks finished. A folder made here lists its files in ``SUMS``, so
that one torn by a disk, a copy or a hand is told from a whole one.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from recengine.errors import legible

log = logging.getLogger(__name__)

SUMS = ".sums.json"
KEPT_DAMAGED = 3  # in one folder; older ones are removed
_DAMAGED = re.compile(r"\.damaged-\d{8}-\d{6}-\d{6}$")


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Lend a name beside ``path``; the file written there replaces ``path`` when the block ends well."""
    partial = _beside(path)
    try:
        yield partial
        move(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def new_folder(folder: Path, *, sealed: bool = True, mode: int = 0o755) -> Iterator[Path]:
    """Lend an empty folder beside ``folder``; it takes its name, replacing an empty one, when the block ends well.

    Sealed, it lists its files (see ``seal``).

    Raises
    ------
    OSError
        The folder is there already, with something in it.
    """
    with scratch_folder(folder) as partial:
        yield partial
        partial.chmod(mode)
        if sealed:
            seal(partial)
        move(partial, folder)


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """Lend an empty folder beside a name; it goes when the block ends, as what a killed process left does later."""
    partial = _beside(beside)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def seal(folder: Path, listed: Path | None = None) -> None:
    """List a folder's finished files, each with its size, time of change and SHA-256; in it, or in a file given."""
    target = listed or folder / SUMS
    files = sorted(entry for entry in folder.rglob("*") if entry.is_file() and entry != target)
    sums = {legible(file.relative_to(folder).as_posix()): _sum(file) for file in files}
    with new_file(target) as partial:
        partial.write_text(json.dumps(sums, indent=1), encoding="utf-8")


def move(path: Path, target: Path) -> None:
    """Give a finished file or folder its name, in one step and for good."""
    for entry in (path, *path.rglob("*")) if path.is_dir() else (path,):
        sync(entry)
    os.replace(path, target)
    sync(target.parent)


def point(link: Path, target: Path) -> None:
    """Make a symbolic link point elsewhere in one step: it is the old one or the new one, never neither."""
    partial = _beside(link)
    partial.unlink(missing_ok=True)
    partial.symlink_to(target)
    os.replace(partial, link)
    sync(link.parent)


def sync(path: Path) -> None:
    """Make a file's content, or a folder's entries, last through a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_sealed(folder: Path) -> bool:
    """Whether a folder has a list of its files in it: earlier releases made none."""
    return (folder / SUMS).exists()


def problem_of(folder: Path, listed: Path | None = None) -> str | None:
    """What is wrong with a sealed folder, by its list; None where it is as it was written, or was never sealed.

    A file of the size and time that the list has is not read again.
    """
    listed = listed or folder / SUMS
    if not listed.exists():
        return None
    try:
        sums = json.loads(listed.read_text(encoding="utf-8"))
        for name, (size, changed, digest) in sums.items():
            file = folder / name
            if not file.is_file():
                return f"{name} is missing"
            status = file.stat()
            if status.st_size != size:
                return f"{name} has {status.st_size:,} bytes instead of {size:,}"
            if status.st_mtime_ns != changed and _sum(file)[2] != digest:
                return f"{name} is not what was written"
    except (ValueError, TypeError, AttributeError):
        return f"{listed.name} cannot be read"
    return None


def set_aside(path: Path, problem: str, then: str) -> str:
    """Rename what is damaged, so that it counts as absent, and say so; a few in a folder are kept to look into.

    Parameters
    ----------
    path : Path
        A file or folder.
    problem : str
        What is wrong with it.
    then : str
        What follows from that, as the end of a sentence.

    Returns
    -------
    str
        The sentence that was logged.
    """
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
    os.replace(path, aside)
    sync(path.parent)
    former = sorted(filter(is_aside, path.parent.iterdir()), key=lambda entry: entry.name.rpartition(".")[2])
    for old in former[:-KEPT_DAMAGED]:
        shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
    sentence = legible(f"{path} is damaged ({problem}) and was set aside as {aside.name}; {then}.")
    log.warning("%s", sentence)
    return sentence


def is_aside(path: Path) -> bool:
    """Whether a name is that of something set aside."""
    return _DAMAGED.search(path.name) is not None


def _beside(path: Path) -> Path:
    """A name of this thread's own: candidates that are judged side by side may have one and the same file."""
    return path.with_name(f".{path.name}.{threading.get_native_id()}.{os.getpid()}")


def _sum(file: Path) -> tuple[int, int, str]:
    status = file.stat()
    with file.open("rb") as content:
        return status.st_size, status.st_mtime_ns, hashlib.file_digest(content, "sha256").hexdigest()
