"""The ratings' scale: as declared, or found from all ratings by the shares of its values.

How it is found, from the distinct ratings and how often each was given:

1. The layout's usual scale stands while 99 % of the ratings are on it. It falls to another where 20 % are off it,
   or more than 1 % counting only values that one rating in 1000 has; fewer than 50 ratings off it say so only
   if they are 20 % and of several kinds, or thumbs (0 and 1, -1 and 1).
2. Otherwise half stars, where 99 % are on them. Otherwise the grid is the coarsest of whole numbers, halves,
   quarters ... on which all but one rating in 200 lie, and none where there is no such grid. The others are typing
   errors.
3. Its ends are the lowest and the highest value on the grid, without what stands apart from the rest: a rare end
   (one rating in 200) behind a wide gap, a rare highest value just above a round one (11 above 10), a marker far
   off (99 among 1..5), and negative values that are no mirror of the positive ones (-1 for "not rated"). Grids
   finer than halves end at whole numbers, those of more than 20 steps at round ones.

The same ratings give the same scale, whatever was loaded before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recengine.errors import BadInput

# Raised when the same ratings would be read by another scale than before.
SCALE_VERSION = 1

IMPLICIT = "implicit"
IMPLICIT_RATING = 1.0  # what stands for "took it" where there are no ratings
LARGEST = 1e6  # no scale goes beyond

MISFITS, MANY, OFTEN = 0.01, 0.2, 0.001  # shares of ratings off the usual scale, and of one value that counts
FEW, KINDS = 50, 3  # ratings off the usual scale that are little evidence, unless of so many different values
TYPOS, FEW_TYPOS = 0.005, 2  # share, and number in small data, of ratings that may be typing errors
GAP = 0.25  # of the bulk's range: what stands apart
MARKER_SHARE, MARKER_GAP = 1 / 3, 2.0  # largest share of a marker, and its distance in ranges of the rest
STEPS = (1.0, 0.5, 0.25, 0.2, 0.1, 0.05, 0.01, 0.001)
ROUND = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0)
WIDE = 20  # steps: more of them end at round numbers
BULK = 0.01  # what lies between this share of the ratings and its mirror is the bulk

# How a scale is written.
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
_ENDS = rf"({_NUMBER})-({_NUMBER})(?:/({_NUMBER}))?"
PATTERN = f"{_ENDS}|{IMPLICIT}"


@dataclass(frozen=True)
class Scale:
    """Lowest and highest rating, and the distance between two neighbouring ones; 0: any number between."""

    low: float
    high: float
    step: float

    def __str__(self) -> str:
        ends = f"{number(self.low)}-{number(self.high)}"
        return f"{ends}/{number(self.step)}" if self.step else ends

    @property
    def words(self) -> str:
        """The scale as people say it."""
        steps = f" in steps of {number(self.step)}" if self.step else ", any number between"
        return f"{number(self.low)}-{number(self.high)}{steps}"

    @property
    def middle(self) -> float:
        """The lowest rating of the upper half: 3 of 1..5 stars, and its equal on any other scale."""
        middle = (self.low + self.high) / 2
        if not self.step:
            return middle
        return float(self.low + np.ceil((middle - self.low) / self.step - 1e-9) * self.step)

    def holds(self, ratings: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which ratings (float32) are on the scale, as ``off_scale`` of ``ingest/macros.sql`` says it."""
        low, high = np.float32(self.low), np.float32(self.high)
        inside = (ratings >= low) & (ratings <= high)
        return inside & on_grid(ratings, self.step, self.low) if self.step else inside


WHOLE_STARS = Scale(1.0, 5.0, 1.0)
HALF_STARS = Scale(0.5, 5.0, 0.5)


@dataclass(frozen=True)
class ScaleFinding:
    """A scale and how it is known; ``scale`` is None for data that has no ratings, only who took what."""

    scale: Scale | None
    declared: bool
    evidence: str

    def __str__(self) -> str:
        return str(self.scale) if self.scale else IMPLICIT


def number(value: float) -> str:
    """A rating as it is written: 4.9 although the nearest float32 is 4.9000001."""
    return f"{float(str(np.float32(value))):g}"


def parse(text: str) -> Scale | None:
    """The scale that ``0-10/1`` says, None for "implicit".

    Without ``/step`` any number between the ends is a rating.

    Raises
    ------
    BadInput
        It says no scale.
    """
    text = text.strip()
    if text == IMPLICIT:
        return None
    ends = re.fullmatch(_ENDS, text)
    if ends is None:
        raise BadInput(f"{text!r} is no scale; write it as low-high/step, such as 0-10/1, or {IMPLICIT}.")
    low, high, step = (float(part or 0) for part in ends.groups())
    steps = (high - low) / step if step else 1
    whole = abs(steps - round(steps)) < 1e-6
    if not low < high or step < 0 or (ends[3] and not step) or not whole or max(-low, high) > LARGEST:
        raise BadInput(
            f"{text!r} is no scale: it must go up, in a whole number of steps above 0; write it as "
            "low-high/step, such as 0-10/1."
        )
    return Scale(low, high, step)


def on_grid(ratings: NDArray[np.float32], step: float, origin: float = 0.0) -> NDArray[np.bool_]:
    """Which ratings (float32) are the origin plus a number of steps; all within float32's precision."""
    nearest = origin + step * np.rint((ratings.astype(np.float64) - origin) / step)
    return np.asarray(ratings == nearest.astype(np.float32))


def infer(ratings: NDArray[np.float32], counts: NDArray[np.int64], usual: Scale) -> ScaleFinding:
    """The scale of all ratings.

    Parameters
    ----------
    ratings : ndarray of float32
        The distinct ones, ascending.
    counts : ndarray of int64
        How often each was given.
    usual : Scale
        The layout's.
    """
    real = np.isfinite(ratings) & (np.abs(ratings) <= LARGEST)
    values, often = ratings[real], counts[real]
    if _usual_holds(values, often, usual):
        scale = usual
    elif often[~HALF_STARS.holds(values)].sum() <= MISFITS * often.sum():
        scale = HALF_STARS
    elif len(values) == 1:
        sentence = (
            f"all {often[0]:,} ratings are {number(values[0])}, which says nothing but that there is one"
        )
        return ScaleFinding(None, False, f"{IMPLICIT}: {sentence}")
    else:
        scale = _scale_of(values, often)
    return ScaleFinding(scale, False, f"scale {scale.words}: {_evidence(ratings, counts, scale)}")


def as_declared(ratings: NDArray[np.float32], counts: NDArray[np.int64], scale: Scale | None) -> ScaleFinding:
    """The scale that somebody declared, beside what the ratings are."""
    if scale is None:
        return ScaleFinding(None, True, f"{IMPLICIT}, as declared")
    return ScaleFinding(scale, True, f"scale {scale.words}, as declared: {_evidence(ratings, counts, scale)}")


def _usual_holds(values: NDArray[np.float32], often: NDArray[np.int64], usual: Scale) -> bool:
    off, total = ~usual.holds(values), often.sum()
    misfits, frequent = often[off].sum(), often[off & (often > OFTEN * total)].sum()
    if misfits < MANY * total:
        return bool(frequent <= MISFITS * total or misfits < FEW)
    if misfits >= FEW or set(values.tolist()) in ({0.0, 1.0}, {-1.0, 1.0}):
        return False
    kinds = KINDS if on_grid(values, 0.5).all() else 2 * KINDS
    return bool(off.sum() < kinds)


def _scale_of(values: NDArray[np.float32], often: NDArray[np.int64]) -> Scale:
    typos = max(TYPOS * often.sum(), min(FEW_TYPOS, 0.05 * often.sum()))
    step = next((s for s in STEPS if often[~on_grid(values, s)].sum() <= typos), 0.0)
    if step:
        kept = on_grid(values, step)
        values, often = values[kept], often[kept]
    first, last = _ends(values.astype(np.float64), often, step, typos)
    low, high = (float(number(values[at])) for at in (first, last))
    if last == first + 1:  # two values, such as thumbs down and up
        return Scale(low, high, float(number(high - low)))
    unit = 1.0 if step < 0.5 else step
    if (high - low) / unit > WIDE:
        unit = 10.0 ** np.floor(np.log10(high - low))
    low = low if low == 1 else float(np.floor(low / unit) * unit)
    return Scale(low + 0.0, float(np.ceil(high / unit) * unit) + 0.0, step)


def _ends(
    values: NDArray[np.float64], often: NDArray[np.int64], step: float, typos: float
) -> tuple[int, int]:
    """Positions of the lowest and the highest value of the scale."""
    last = len(values) - 1 - _standing_apart(-values[::-1], often[::-1], step, typos)
    first = _standing_apart(values[: last + 1], often[: last + 1], step, typos)
    if values[first] < 0 and -values[first] < values[last] / 2:  # no mirror: a marker
        first = int(np.searchsorted(values, 0))
    beyond = last > first + 1 and values[last] not in ROUND and values[last - 1] in ROUND
    if beyond and often[last] <= typos and step == 1:
        last -= 1
    return (first, last) if last > first else (0, len(values) - 1)


def _standing_apart(values: NDArray[np.float64], often: NDArray[np.int64], step: float, typos: float) -> int:
    """How many of the lowest values stand apart from the rest."""
    share = np.cumsum(often) / often.sum()
    bulk = values[np.searchsorted(share, 1 - BULK)] - values[np.searchsorted(share, BULK)]
    gaps, below = np.diff(values), np.cumsum(often)[:-1]
    rare = (below <= typos) & (gaps > max(GAP * bulk, step))
    rest = values[-1] - values[1:]
    several = len(values) - 1 - np.arange(len(gaps)) >= KINDS
    marker = (below <= MARKER_SHARE * often.sum()) & (gaps > MARKER_GAP * rest) & several
    apart = np.flatnonzero(rare | marker)
    return int(apart[-1]) + 1 if len(apart) else 0


def _evidence(ratings: NDArray[np.float32], counts: NDArray[np.int64], scale: Scale) -> str:
    """What the ratings are: how many, on which grid, from where to where, and which are off the scale."""
    on = scale.holds(ratings)
    total, fitting = int(counts.sum()), int(counts[on].sum())
    sentence = f"{total:,} ratings" if fitting == total else f"{fitting:,} of {total:,} ratings"
    if fitting:
        grids = {1.0: "whole", 0.5: "whole or half"}
        grid = next((word for s, word in grids.items() if on_grid(ratings[on], s).all()), "")
        sentence += f", all {grid}" if grid else ""
        sentence += f", from {number(ratings[on][0])} to {number(ratings[on][-1])}"
    if fitting < total:
        off = ratings[~on][np.argsort(-counts[~on], kind="stable")]
        sentence += f"; off it are {', '.join(map(number, off[:3]))}{' …' if len(off) > 3 else ''}"
    return sentence
