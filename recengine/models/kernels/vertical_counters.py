"""Counting along columns of bits: how many of some rows have each column set, without a loop over the set ones.

A column's count stands upright, its binary digits in as many planes of bits, so that one operation adds a row to
every column of a machine word. Eight rows at a time go through carry-save adders before they reach the planes.

W. Mula, N. Kurz and D. Lemire, "Faster Population Counts Using AVX2 Instructions", The Computer Journal 2018.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recengine.models.kernels.compiled import COMPILED
from recengine.models.kernels.csr import Pattern
from recengine.runtime.threads import in_parts

WORD = 32  # columns in a word
LEVELS = 32  # planes: counts stay below 2^31
TOGETHER = 8  # rows that are added at a time
PART = 4096  # rows whose bits one thread sets at a time


def bits_of(rows: Pattern, columns: int) -> NDArray[np.uint32]:
    """The first columns of every row, one bit each.

    Parameters
    ----------
    rows : Pattern
        Of R rows.
    columns : int
        A multiple of ``WORD``; may go beyond the pattern's own.

    Returns
    -------
    ndarray of uint32, shape (R, columns / WORD)
    """
    bits = np.zeros((len(rows.indptr) - 1, columns // WORD), dtype=np.uint32)
    in_parts(lambda first, last: _set(first, last, rows, bits), len(bits), PART)
    return bits


@COMPILED
def _set(
    first: int, last: int, rows: Pattern, bits: NDArray[np.uint32]
) -> None:  # pragma: no cover - compiled
    for row in range(first, last):
        for column in rows.columns[rows.indptr[row] : rows.indptr[row + 1]]:
            if column < bits.shape[1] * WORD:
                bits[row, column // WORD] |= np.uint32(1) << np.uint32(column % WORD)


@COMPILED
def count_set(
    bits: NDArray[np.uint32],
    rows: NDArray[np.int32],
    word: int,
    planes: NDArray[np.uint32],
    counts: NDArray[np.int32],
) -> None:  # pragma: no cover - compiled
    """How many of the rows have each column set.

    Parameters
    ----------
    bits : ndarray of uint32, shape (R, W)
    rows : ndarray of int32
    word : int
        The first of the words that are looked at.
    planes : ndarray of uint32, shape (LEVELS + 1, B)
        Room to count in, for B words.
    counts : ndarray of int32, shape (B * WORD,)
        What is counted.
    """
    used, whole = 3, len(rows) // TOGETHER * TOGETHER
    while len(rows) >> used:
        used += 1
    planes[:used] = 0
    for at in range(0, whole, TOGETHER):
        _add_eight(bits, rows[at : at + TOGETHER], word, planes)
        _carry(planes, 3)
    for row in rows[whole:]:
        planes[LEVELS] = bits[row, word : word + planes.shape[1]]
        _carry(planes, 0)
    _read(planes, used, counts)


@COMPILED
def _add_eight(
    bits: NDArray[np.uint32], rows: NDArray[np.int32], word: int, planes: NDArray[np.uint32]
) -> None:  # pragma: no cover - compiled
    """Add eight rows to the planes of 1, 2 and 4; what they carry over, eights, is left in the last plane."""
    width = planes.shape[1]
    a, b, c, d = (
        bits[rows[0], word : word + width], bits[rows[1], word : word + width],
        bits[rows[2], word : word + width], bits[rows[3], word : word + width],
    )  # fmt: skip
    e, f, g, h = (
        bits[rows[4], word : word + width], bits[rows[5], word : word + width],
        bits[rows[6], word : word + width], bits[rows[7], word : word + width],
    )  # fmt: skip
    for at in range(width):
        ones, two_a = _added(planes[0, at], a[at], b[at])
        ones, two_b = _added(ones, c[at], d[at])
        twos, four_a = _added(planes[1, at], two_a, two_b)
        ones, two_a = _added(ones, e[at], f[at])
        ones, two_b = _added(ones, g[at], h[at])
        twos, four_b = _added(twos, two_a, two_b)
        planes[0, at], planes[1, at] = ones, twos
        planes[2, at], planes[LEVELS, at] = _added(planes[2, at], four_a, four_b)


@COMPILED
def _added(
    a: np.uint32, b: np.uint32, c: np.uint32
) -> tuple[np.uint32, np.uint32]:  # pragma: no cover - compiled
    """A carry-save adder: the sums' last digits, and what they carry over."""
    either = a ^ b
    return np.uint32(either ^ c), np.uint32((a & b) | (either & c))


@COMPILED
def _carry(planes: NDArray[np.uint32], level: int) -> None:  # pragma: no cover - compiled
    """Add what stands in the last plane to the planes from ``level`` on."""
    width, more = planes.shape[1], True
    while more:
        left = np.uint32(0)
        for at in range(width):
            had, new = planes[level, at], planes[LEVELS, at]
            planes[level, at] = had ^ new
            planes[LEVELS, at] = had & new
            left |= had & new
        level += 1
        more = left != 0


@COMPILED
def _read(
    planes: NDArray[np.uint32], used: int, counts: NDArray[np.int32]
) -> None:  # pragma: no cover - compiled
    for at in range(planes.shape[1]):
        own = counts[at * WORD : (at + 1) * WORD]
        own[:] = 0
        for level in range(used):
            digits = planes[level, at]
            for bit in range(WORD):
                own[bit] += np.int32(((digits >> np.uint32(bit)) & np.uint32(1)) << np.uint32(level))
