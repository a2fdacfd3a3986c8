"""A full disk: the many ways in which libraries say so, as the one error that says what to do."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from recengine.config import Home
from recengine.errors import DiskFull

# DuckDB and safetensors pass on the operating system's text; SQLite has its own, and so has numpy's tofile,
# whose OSError of a cut write carries no number.
_TEXT = re.compile(
    r"No space left on device|Disk quota exceeded|database or disk is full|\d+ requested and \d+ written"
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


@contextmanager
def full_disk_told(home: Home) -> Iterator[None]:
    """Turn whatever a full disk made a library raise into one sentence.

    Raises
    ------
    DiskFull
        The work inside found no space.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, DiskFull) or not is_full(error):
            raise
        raise DiskFull(home.root, shutil.disk_usage(home.root).free) from error
