"""A full disk by any name is one error; anything else is left alone."""

from __future__ import annotations

import errno
from pathlib import Path

import duckdb
import pytest

from recengine.errors import DiskFull, OutOfMemory
from recengine.runtime.space import is_full, is_out_of_memory, space_errors


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError("6000 requested and 3040 written"),  # numpy's tofile
        duckdb.IOException('Could not write file "x": No space left on device'),
        RuntimeError("I/O error: No space left on device (os error 28)"),  # safetensors
    ],
    ids=lambda error: str(error)[:20],
)
def test_each_librarys_way_of_saying_it(tmp_path: Path, error: Exception) -> None:
    sentence = rf"{tmp_path} is full .* tables stay\. Free some space"
    with pytest.raises(DiskFull, match=sentence) as told, space_errors(tmp_path):
        raise error
    assert told.value.__cause__ is error
    assert told.value.free_bytes > 0
    wrapped = ValueError("could not save")
    wrapped.__cause__ = error
    assert is_full(wrapped)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 7 GiB"),  # numpy
        duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"
        ),
        ImportError("libtorch.so: failed to map segment from shared object"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_each_librarys_way_of_saying_that_memory_is_short(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECENGINE_MEMORY_LIMIT", "64MB")
    with (
        pytest.raises(
            OutOfMemory, match=r"64 MB by RECENGINE_MEMORY_LIMIT\).*Raise RECENGINE_MEMORY_LIMIT"
        ) as told,
        space_errors(tmp_path),
    ):
        raise error
    assert told.value.__cause__ is error
    assert not is_out_of_memory(ValueError("memory"))


def test_other_errors_pass() -> None:
    with pytest.raises(FileNotFoundError), space_errors(Path("/")):
        raise FileNotFoundError(errno.ENOENT, "No such file")
    assert not is_full(ValueError("5 requested"))
    assert not is_full(None)
