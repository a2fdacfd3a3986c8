"""A full disk and too little memory: the many ways in which libraries say so, as one error that says what to do."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from recengine.errors import DiskFull, OutOfMemory, RecengineError
from recengine.runtime.resources import MEMORY_LIMIT, memory_bytes

# DuckDB and safetensors pass on the operating system's text; SQLite has its own, and so has numpy's tofile,
# whose OSError of a cut write carries no number.
_TEXT = re.compile(
    r"No space left on device|Disk quota exceeded|database or disk is full|\d+ requested and \d+ written"
)
# torch, the C++ library below DuckDB and numba, the loader of shared libraries, and threads without room for a stack
_NO_MEMORY = re.compile(
    r"can't allocate memory|std::bad_alloc|Cannot allocate memory|failed to map segment|Unable to allocate|"
    r"can't start new thread|failed to allocate|Out of Memory"
)


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or one it came from, is that of a disk without space."""
    while error is not None:
        if isinstance(error, DiskFull):
            return True
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if _TEXT.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one it came from, is that of memory that could not be had."""
    while error is not None:
        if isinstance(error, (MemoryError, OutOfMemory, duckdb.OutOfMemoryException)):
            return True
        if (isinstance(error, OSError) and error.errno == errno.ENOMEM) or _NO_MEMORY.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def space_error_of(error: Exception, folder: Path) -> RecengineError | None:
    """The error in one sentence where it is one of a full disk or of too little memory, else None."""
    if isinstance(error, (DiskFull, OutOfMemory)):
        return None
    if is_full(error):
        existing = next(parent for parent in (folder.absolute() / "-").parents if parent.exists())
        return DiskFull(existing, shutil.disk_usage(existing).free)
    if not isinstance(error, RecengineError) and is_out_of_memory(error):
        return OutOfMemory(*_memory_limit())
    return None


def _memory_limit() -> tuple[int, str]:
    """What the work may take, and by whose word: the setting's, the process's (``ulimit -v``), or the machine's."""
    planned, (process, _) = memory_bytes(), resource.getrlimit(resource.RLIMIT_AS)
    if process != resource.RLIM_INFINITY and process < planned:
        return process, " by ulimit -v"
    return planned, f" by {MEMORY_LIMIT}" if os.environ.get(MEMORY_LIMIT) else ""


@contextmanager
def space_errors(folder: Path) -> Iterator[None]:
    """Turn whatever a full disk or too little memory made a library raise into one sentence.

    Raises
    ------
    DiskFull, OutOfMemory
        The work inside found no space.
    """
    try:
        yield
    except Exception as error:
        sentence = space_error_of(error, folder)
        if sentence is None:
            raise
        raise sentence from error
