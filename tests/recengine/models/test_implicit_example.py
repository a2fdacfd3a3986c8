"""docs/examples/implicit_model.py: a model of another package that keeps what every model must."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from recengine.testing import checks
from recengine.testing.subject import NotApplicable, Subject

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
LACKS = {"stars": "it predicts no stars", "parts": "it takes no score apart"}
# A margin below what they reach on planted tastes: .52, .63 and .48 (by chance .13).
LISTS = {"als": 0.4, "bpr": 0.5, "lmf": 0.37}


@pytest.fixture(scope="module", params=LISTS)
def subject(request: pytest.FixtureRequest) -> Subject:
    knobs = {"kind": request.param, "factors": 8}
    return Subject("implicit_model:Implicit", knobs, lists=LISTS[request.param])


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_the_example(check: checks.Check, subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    lacks = [why for word, why in LACKS.items() if word in check.__name__]
    with pytest.raises(NotApplicable, match=lacks[0]) if lacks else nullcontext():
        check(subject)


def test_it_is_short() -> None:
    assert len((EXAMPLES / "implicit_model.py").read_text().splitlines()) <= 65
