"""Variants: what their names mean, and that a user gets the same one always and everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from recengine.errors import BadInput
from recengine.knobs.published import ScoreConfig
from recengine.variety.variants import assigned, variants_of


def test_a_name_is_the_model_and_its_switches() -> None:
    config = ScoreConfig(top_n=7, calibration=0.3, variants="hybrid, hybrid+diversity+rank-by=0.25")
    found = variants_of("hybrid", config)
    assert found[0] == ("hybrid", config.model_copy(update={"variants": ""}))
    assert found[1].name == "hybrid+diversity+rank_by=0.25"
    assert found[1].config.top_n == 7
    assert found[1].config.switches == {"diversity": 0.1, "calibration": 0.3, "rank_by": 0.25}
    assert [one.name for one in variants_of("hybrid", config, "ease")] == [
        "ease",
        "ease+diversity+rank_by=0.25",
    ]


def test_no_variants_are_none() -> None:
    assert variants_of("hybrid", ScoreConfig()) == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("hybrid,ease", "The variant ease is not of tonight's model hybrid"),
        ("hybrid,hybrid", "is asked for twice"),
        (
            "hybrid,hybrid+speed",
            "has no switch 'speed'; there are diversity, calibration, popularity_debias and rank_by",
        ),
        ("hybrid,hybrid+diversity=1..5", "has no number after diversity="),
        ("hybrid,hybrid+diversity=5", "has a weight that cannot be (diversity: "),
        ("hybrid+diversity", "are 1; give 2 to 10 with commas between them, such as hybrid,hybrid+diversity"),
    ],
)
def test_what_is_no_variant_is_refused_in_a_sentence(asked: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        variants_of("hybrid", ScoreConfig(variants=asked))
    assert said in str(caught.value)


def test_who_gets_which_is_fixed_for_good() -> None:
    users = np.array([1, 2, 3, 4, 5, 6, 7, 8, 42, 610, 2**62, -5])
    assert assigned(users, 2).tolist() == [0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 0]
    assert assigned(users, 3).tolist() == [2, 0, 2, 0, 2, 0, 0, 0, 2, 1, 2, 0]
    assert assigned(users, 1).tolist() == [0] * 12
    np.testing.assert_array_equal(assigned(users[::-1], 3), assigned(users, 3)[::-1])


@pytest.mark.parametrize("step", [1, 2, 1000])
def test_shares_are_equal_whatever_the_ids(step: int) -> None:
    counts = np.bincount(assigned(np.arange(100_000) * step, 3), minlength=3)
    assert np.abs(counts - 100_000 / 3).max() < 600  # four standard deviations
