"""What every model must keep: the suite on each built-in one, on a stranger's, and on one that breaks it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import outsiders
import pytest
import torch

from recengine.dataset import Snapshot
from recengine.evaluation.metrics import rmse
from recengine.evaluation.splits import Split
from recengine.models import MODELS
from recengine.models.base import Model
from recengine.testing import checks, conformance
from recengine.testing.subject import NotApplicable, Subject

# Less work for what does not need it: fewer sweeps of the stars, a smaller sample of users to choose the boost by.
QUICK = {"hybrid": {"stars": {"sweeps": 40, "burn_in": 10}, "boost": {"most_users": 200}}}
SHORT = {"sae": {"epochs": 1}, "hybrid": {"stars": {"sweeps": 2}, "recency": "off"}}

# What each model must reach on planted tastes, a margin below what it does reach: nDCG@10 (.23, .64 and .58, by
# chance .13), and the error of its stars (.89 for biases alone, .30 and .43; the mean's is 1.17). sae ranks by
# predicted stars: no better than chance.
LISTS = {"popularity": 0.19, "ease": 0.55, "hybrid": 0.5, "sae": 0.0}
STARS = {"popularity": 0.95, "ease": 0.95, "hybrid": 0.36, "sae": 0.52}


@cache
def subject_of(name: str) -> Subject:
    """A built-in model with its own floors; what it fits is fitted once for all tests."""
    return Subject(name, QUICK.get(name, {}), LISTS[name], STARS[name], SHORT.get(name, {}))


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_a_built_in_model(check: checks.Check, name: str) -> None:
    try:
        check(subject_of(name))
    except NotApplicable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("popularity", set()),  # counting takes no time
        ("ease", {"solving"}),
        ("sae", {"sae epochs", "sae refit"}),
        ("hybrid", {"low rank", "closed form", "stars", "recency"}),
    ],
)
def test_progress_names_the_steps(name: str, steps: set[str]) -> None:
    assert set(checks.told_by(subject_of(name))) == steps


class Mistaken(Model):
    """Another model that takes each user, or each movie, for the next one."""

    name = "mistaken"

    def __init__(self, model: Model, users: int = 0, movies: int = 0) -> None:
        super().__init__()
        self.model, self.by = model, (users, movies)

    def fit(self, snapshot: Snapshot, **_: object) -> Mistaken:  # type: ignore[override]
        return self

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        return self.model.score(snapshot, slice(None)).roll(self.by, (0, 1))[users]

    def predict(self, snapshot: Snapshot, user_index: np.ndarray, movie_index: np.ndarray) -> np.ndarray:
        users, movies = (
            (user_index - self.by[0]) % snapshot.users,
            (movie_index - self.by[1]) % snapshot.movies,
        )
        return self.model.predict(snapshot, users, movies)

    def state(self) -> dict[str, torch.Tensor]:
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> Mistaken:
        return self


def stars_of(model: Model, split: Split) -> float:
    test = split.test
    return rmse(test.rating, model.predict(split.train, test.user_index, test.movie_index))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_floor_tells_a_model_from_a_mistaken_one(name: str) -> None:
    """What forgets who the user is, or which the movie, fails; where a personal model is meant, popularity too."""
    subject, popularity = subject_of(name), subject_of("popularity").learned
    for mistake in ({"movies": 1}, {"users": 1}):
        if name == "popularity" and "users" in mistake:
            continue  # to it all users are one
        mistaken = Mistaken(subject.learned, **mistake)
        assert stars_of(mistaken, subject.split) > STARS[name]
        if LISTS[name]:
            assert checks.lists_of(mistaken, subject.split) < LISTS[name]
    if name in {"ease", "hybrid"}:
        assert checks.lists_of(popularity, subject.split) < LISTS[name] / 2
    if name in {"sae", "hybrid"}:
        assert stars_of(popularity, subject.split) > STARS[name] * 1.5


def test_a_strangers_model_that_only_ranks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = outsiders.package(tmp_path, monkeypatch)
    assert conformance.main([f"{module}:Ranker", "--knobs", '{"prior": 5}', "--least-lists", "0.4"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"no use .* stars do not depend on the order: it predicts no stars", said)
    assert f"{module}:Ranker: 19 of 19 checks in order" in said


def test_a_strangers_model_that_breaks_what_every_model_must_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = outsiders.package(tmp_path, monkeypatch)
    assert conformance.main([f"{module}:Careless"]) == 1
    failed = dict(re.findall(r"^FAILED .* s  ([^:]+): (.*)$", capsys.readouterr().out, re.MULTILINE))
    assert failed.keys() == {
        "a user alone gets the same as among others",
        "stored and loaded it is the same",
        "the same seed gives the same table",
        "fitting leaves the snapshot alone",
        "lists are better than chance",
        "stars are better than the mean",
        "all users are never dense",
        "progress ends at its total",
    }
    assert failed["stored and loaded it is the same"].startswith("NotReady: The model careless-")
    assert failed["progress ends at its total"] == "work ends at 1 of 2"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["outside.ranking:Rankre"], "There is no 'Rankre' in outside.ranking (did you mean Ranker?)"),
        (
            ["outside.ranking:Ranker", "--knobs", '{"piror": 1}'],
            "There is no knob piror; did you mean prior?",
        ),
    ],
)
def test_what_is_no_model_or_no_knob(
    given: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    outsiders.package(tmp_path, monkeypatch)
    assert conformance.main(given) == 2
    assert capsys.readouterr().err.startswith(f"Error: {sentence}")
