"""The conformance suite on any model: ``python -m recengine.testing.conformance mypackage.module:Model``.

Prints which checks it passes, exit 1 where one fails. From a test, call the checks themselves::

    @pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
    def test_my_model_keeps_what_every_model_must(check):
        conformance.run(check, Subject("mypackage.module:Model"))
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from recengine.config import refusal
from recengine.errors import BadInput
from recengine.models.registry import kind_of
from recengine.testing.checks import CHECKS, Check
from recengine.testing.subject import BY_CHANCE, BY_MEAN, NotApplicable, Subject


class Outcome(NamedTuple):
    """What came of a check, and why."""

    check: str
    came: Literal["passed", "FAILED", "no use"]
    why: str
    seconds: float


def run(check: Check, subject: Subject) -> Outcome:
    """One check; whatever the model raises is a failure."""
    began = time.perf_counter()
    came: Literal["passed", "FAILED", "no use"] = "passed"
    why = ""
    try:
        check(subject)
    except NotApplicable as reason:
        came, why = "no use", str(reason)
    except Exception as error:  # a stranger's model may raise anything
        said = " ".join(str(error).split())[:200]
        came, why = "FAILED", said if isinstance(error, AssertionError) else f"{type(error).__name__}: {said}"
    return Outcome(check.__name__.replace("_", " "), came, why, time.perf_counter() - began)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = _options(arguments)
    try:
        subject = Subject(options.model, options.knobs, options.least_lists, options.largest_error)
        kind = kind_of(options.model)
        subject.quick()
    except BadInput as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except ValidationError as error:
        print(f"Error: {refusal(error, kind.Config)}", file=sys.stderr)
        return 2
    outcomes = []
    for check in CHECKS:
        outcomes.append(outcome := run(check, subject))
        print(
            f"{outcome.came:7}{outcome.seconds:7.1f} s  {outcome.check}{outcome.why and f': {outcome.why}'}"
        )
    failed = sum(outcome.came == "FAILED" for outcome in outcomes)
    print(
        f"{options.model}: {len(outcomes) - failed} of {len(outcomes)} checks in order"
        f"{f', {failed} failed' if failed else ''}, {sum(outcome.seconds for outcome in outcomes):.0f} s"
    )
    return int(failed > 0)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m recengine.testing.conformance",
        description="What every model must keep, on one model.",
    )
    parser.add_argument("model", help="package.module:Class, an entry point of recengine.models, or a name")
    parser.add_argument(
        "--knobs", type=_knobs, default={}, help="its knobs as JSON, for less work: '{\"factors\": 8}'"
    )
    parser.add_argument(
        "--least-lists", type=float, default=BY_CHANCE, help="least nDCG@10 on planted tastes (chance: .13)"
    )
    parser.add_argument(
        "--largest-error", type=float, default=BY_MEAN, help="largest error of its stars (the mean's: 1.17)"
    )
    return parser.parse_args(arguments)


def _knobs(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(text)
    return found


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # here, so that a caller's own logging stays as it is
    sys.exit(main())
