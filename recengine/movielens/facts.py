"""What reading a file's bytes once tells about it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from recengine.errors import BadSource

CHUNK_BYTES = 1 << 22
# A longer line is no record of anything. Above the size of a chunk, so that none is overlooked.
MAX_LINE_BYTES = 20_000_000

_DELIMITER_BYTE = b"\x1f"
# What stands before a quote that opens a field, and after one that closes it.
_EDGES = (b",", b";", b"\t", b"|", b"\n", b"\r")


@dataclass(frozen=True)
class FileFacts:
    """Content hash, size, number of lines, and what decides how the lines can be read.

    Attributes
    ----------
    odd_line_ends : bool
        Some line ends in neither ``\\n`` nor ``\\r\\n``, or both occur; ``lines`` is then that of the ``\\n`` only.
    plain : bool
        Its lines can be read as they are, without a normalised copy.
    quotes : bool
        It has double quotes.
    quotes_at_edges : bool
        Each of them opens or closes a field, so that none is inside one.
    underscores : int
        How many there are.
    overlong : bool
        A line is longer than ``MAX_LINE_BYTES``.
    stamp : tuple[int, int]
        From before the reading; another one afterwards says that the file was written to.
    """

    sha256: str
    bytes: int
    lines: int
    odd_line_ends: bool
    plain: bool
    quotes: bool
    quotes_at_edges: bool
    underscores: int
    overlong: bool
    stamp: tuple[int, int]


def stamp_of(path: Path) -> tuple[int, int]:
    """A file's size and time of change, the latter in nanoseconds."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def facts_of(path: Path) -> FileFacts:
    """Hash a file and count its lines (a last line without line end counts).

    Raises
    ------
    BadSource
        The file cannot be read.
    """
    digest, size, newlines, returns, pairs, last = hashlib.sha256(), 0, 0, 0, 0, b"\n"
    plain, quotes, edges, underscores, line, overlong = True, 0, 0, 0, 0, False
    try:
        stamp = stamp_of(path)
        with path.open("rb") as handle:
            while chunk := handle.read(CHUNK_BYTES):
                digest.update(chunk)
                newlines, returns = newlines + chunk.count(b"\n"), returns + chunk.count(b"\r")
                if returns:
                    pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
                plain = plain and chunk.isascii() and _DELIMITER_BYTE not in chunk
                underscores += chunk.count(b"_")
                if b'"' in chunk:
                    quotes, edges = quotes + chunk.count(b'"'), edges + _edges(last + chunk)
                line, overlong = _line_after(chunk, line, overlong)
                size, last = size + len(chunk), chunk[-1:]
    except OSError as error:
        raise BadSource(
            path, f"cannot be read ({error.strerror})", "mend its permissions or its disk"
        ) from error
    odd = bool(returns) and not (pairs == newlines == returns)
    lines = newlines + (last != b"\n")
    plain = plain and not odd and not overlong
    even = quotes == edges + (last == b'"')
    return FileFacts(
        digest.hexdigest(), size, lines, odd, plain, quotes > 0, even, underscores, overlong, stamp
    )


def _edges(text: bytes) -> int:
    """How many quotes in a chunk, and its last byte before, stand at an edge of a field."""
    return sum(text.count(edge + b'"') + text.count(b'"' + edge) for edge in _EDGES)


def _line_after(chunk: bytes, before: int, overlong: bool) -> tuple[int, bool]:
    """Length of the line that is open at a chunk's end, and whether one was too long so far."""
    first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
    ended = before + (len(chunk) if first < 0 else first)
    return (ended if last < 0 else len(chunk) - last - 1), overlong or ended > MAX_LINE_BYTES
