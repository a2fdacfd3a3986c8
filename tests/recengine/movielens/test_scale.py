"""The scale found from all ratings: by shares, so that a handful of typing errors moves nothing."""

from __future__ import annotations

import numpy as np
import pytest

from recengine.errors import BadInput
from recengine.movielens.scale import HALF_STARS, WHOLE_STARS, Scale, ScaleFinding, infer, parse

DRAW = np.random.default_rng(0)
WHOLE = DRAW.integers(1, 6, 1000).astype(float)
HALVES = DRAW.integers(1, 11, 1000) / 2
TEN = DRAW.integers(1, 11, 3000).astype(float)
TWEETS = np.repeat(np.arange(11.0), [12, 1212, 1124, 1844, 3367, 6726, 12944, 22229, 24145, 14005, 12392])
PERCENT = np.clip(np.rint(DRAW.normal(70, 15, 30000)), 0, 100)
JESTER = np.round(DRAW.uniform(-9.95, 9.95, 30000), 2)


def found(*ratings: object, usual: Scale = WHOLE_STARS) -> ScaleFinding:
    values = np.float32(np.concatenate([np.atleast_1d(np.asarray(part, dtype=float)) for part in ratings]))
    return infer(*np.unique(values, return_counts=True), usual)


@pytest.mark.parametrize(
    ("ratings", "scale"),
    [
        (WHOLE, "1-5/1"),
        (HALVES, "0.5-5/0.5"),
        (HALVES[HALVES < 4.6], "0.5-5/0.5"),
        (TWEETS, "0-10/1"),
        (TWEETS[TWEETS > 0], "1-10/1"),
        (DRAW.integers(2, 21, 3000) / 2, "1-10/0.5"),
        (PERCENT, "0-100/1"),
        (DRAW.integers(0, 11, 1000) * 10, "0-100/1"),
        (DRAW.integers(0, 2, 500), "0-1/1"),
        (DRAW.integers(0, 2, 500) * 2 - 1, "-1-1/2"),
        (JESTER, "-10-10/0.01"),
        (DRAW.uniform(-10, 10, 30000), "-10-10"),
        (DRAW.integers(10, 51, 3000) / 10, "1-5/0.1"),
        (DRAW.integers(1, 8, 1000), "1-7/1"),
        (DRAW.integers(0, 6, 1000), "0-5/1"),
        ([8, 10, 7, 6, 0, 9, 3], "0-10/1"),
        ([0, 1, 1, 0], "0-1/1"),
        ([1, -1, 1], "-1-1/2"),
    ],
)
def test_the_scale_is_that_of_the_ratings(ratings: np.ndarray, scale: str) -> None:
    assert str(found(ratings)) == scale


@pytest.mark.parametrize(
    ("ratings", "typos", "scale"),
    [
        (WHOLE, [55, 55, 0, 6, 3.5], "1-5/1"),
        (WHOLE, [55] * 60, "1-5/1"),
        (HALVES, [0.3, 0.3, 4.7, 50], "0.5-5/0.5"),
        (TEN, [11, 55, 100, 100], "1-10/1"),
        (TEN, [3.7] * 5, "1-10/1"),
        (TEN, [-1] * 600, "1-10/1"),
        (JESTER, [99] * 9000, "-10-10/0.01"),
        (PERCENT, [999, -50], "0-100/1"),
        (np.tile(WHOLE, 5), np.arange(6, 66), "1-5/1"),
        (TEN, [np.inf, np.nan, 1e9], "1-10/1"),
    ],
)
def test_what_is_no_rating_does_not_stretch_the_scale(
    ratings: np.ndarray, typos: list[float], scale: str
) -> None:
    assert str(found(ratings, typos)) == scale


@pytest.mark.parametrize("some", [[5, 3, 4, 5.5, 0, 3.25], [4, 6, 6, 1.7], [5, 3, 4, 0.5], [1, 2, 3]])
def test_a_handful_of_ratings_is_no_evidence_against_the_usual_scale(some: list[float]) -> None:
    assert str(found(some)) == "1-5/1"


def test_half_stars_stay_where_whole_ones_fit_too() -> None:
    assert found(WHOLE, usual=HALF_STARS).scale == HALF_STARS


def test_the_evidence_says_what_the_ratings_are() -> None:
    assert found(TWEETS).evidence == "scale 0-10 in steps of 1: 100,000 ratings, all whole, from 0 to 10"
    assert found(HALVES, [0.3, 0.3]).evidence == (
        "scale 0.5-5 in steps of 0.5: 1,000 of 1,002 ratings, all whole or half, from 0.5 to 5; off it are 0.3"
    )


def test_one_rating_for_all_says_only_that_there_is_one() -> None:
    assert str(found([10] * 500)) == "implicit"
    assert str(found([1] * 500)) == "1-5/1"


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("0-10/1", Scale(0, 10, 1)),
        (" -1-1/2 ", Scale(-1, 1, 2)),
        ("-10-10", Scale(-10, 10, 0)),
        ("implicit", None),
    ],
)
def test_a_scale_is_read_as_written(text: str, scale: Scale | None) -> None:
    assert parse(text) == scale
    assert scale is None or parse(str(scale)) == scale


@pytest.mark.parametrize(
    "text", ["", "x", "5-1/1", "0-10/3", "0-10/0", "1-2-3", "nan-1/1", "0-1e9/1", "0-9999999/1"]
)
def test_what_is_no_scale_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="is no scale"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "middle"),
    [("1-5/1", 3), ("0.5-5/0.5", 3), ("0-10/1", 5), ("1-10/1", 6), ("0-1/1", 1), ("-1-1/2", 1)],
)
def test_the_middle_is_where_3_of_5_stars_is(text: str, middle: float) -> None:
    scale = parse(text)
    assert scale is not None
    assert scale.middle == middle
