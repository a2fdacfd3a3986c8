"""What was meant by a mistyped name."""

from __future__ import annotations

import pytest

from recengine.runtime.near import choose, meant, nearest

MODELS = ("popularity", "sae", "ease", "hybrid")


@pytest.mark.parametrize(
    ("name", "near"),
    [("hybird", "hybrid"), ("HYBRID", "hybrid"), (" eas", "ease"), ("x", None), ("", None)],
)
def test_the_nearest_name(name: str, near: str | None) -> None:
    assert nearest(name, MODELS) == near


def test_the_ends_of_refusals() -> None:
    assert choose("hybird", MODELS) == "did you mean hybrid? Choose one of popularity, sae, ease, hybrid."
    assert choose("x", ["a", "b"], "give a path") == "choose one of a, b, or give a path."
    assert choose("x", []) == "there is none yet."
    assert choose("x", [], "give a path") == "give a path."
    assert choose("zzz", map(str, range(99))).endswith(" 23 ….")
    assert (meant("hybird", MODELS), meant("x", MODELS)) == (" (did you mean hybrid?)", "")
