"""The parts of a score add up to it, whatever makes the score."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.models import make
from recengine.models.base import Model
from recengine.models.excluded import Boosts
from recengine.models.reasons import ATTRIBUTE, KINDS, MOVIE, RULE, TREND, Reasons
from recengine.testing.subject import small as made


@pytest.fixture(scope="module")
def data() -> Snapshot:
    return made()


@pytest.fixture(scope="module", params=["hybrid", "hybrid without recency", "popularity", "ease"])
def model(request: pytest.FixtureRequest, data: Snapshot) -> Model:
    name, *without = request.param.split(" ", 1)
    more = {"recency": "off"} if without else {}
    return make(name, **more).fit(data)


def boosts_of(data: Snapshot) -> Boosts:
    rng = np.random.default_rng(3)
    own = rng.normal(0, 1, (data.users, data.movies)) * (rng.random((data.users, data.movies)) < 0.2)
    return Boosts(rng.normal(0, 1, data.movies).astype(np.float32), csr_array(own.astype(np.float32)))


@pytest.mark.parametrize("k", [1, 20])
@pytest.mark.parametrize("boosted", [False, True])
@pytest.mark.parametrize("weight", [0, 0.4])
def test_parts_add_up_to_the_score(
    model: Model, data: Snapshot, k: int, boosted: bool, weight: float
) -> None:
    shown, users = model.debiased(data, weight), np.arange(data.users)
    boosts = boosts_of(data) if boosted else None
    scores, movies = (found.numpy() for found in shown.best(data, users, 60, boosts=boosts))
    found = shown.reasons(data, users, movies, k, boosts)
    assert found is not None
    there = movies >= 0
    np.testing.assert_allclose(found.totals[there], scores[there], rtol=1e-5, atol=1e-5)
    assert (np.diff(found.parts, axis=2) <= 0).all()
    assert (found.sizes + 1e-9 >= np.abs(found.totals)).all()
    assert ((found.kinds >= 0) == (found.parts > 0)).all()


def test_a_part_is_of_what_the_user_rated_and_is(data: Snapshot) -> None:
    users = np.arange(data.users)
    model = make("hybrid").fit(data)
    _, movies = model.best(data, users, 10)
    found = model.reasons(data, users, movies.numpy(), 20)
    user, *_ = (found.kinds == MOVIE).nonzero()
    assert np.asarray(data.ratings.toarray()[user, found.about[found.kinds == MOVIE]] > 0).all()
    user, *_ = (found.kinds == ATTRIBUTE).nonzero()
    assert len(user)
    assert np.asarray(data.user_features.toarray()[user, found.about[found.kinds == ATTRIBUTE]] != 0).all()


def test_what_was_met_before_does_not_matter(data: Snapshot) -> None:
    users, boosts = np.arange(data.users), boosts_of(data)
    one, other = (make("hybrid").fit(data) for _ in range(2))
    _, movies = one.best(data, users, 10, boosts=boosts)
    one_found, other_found = (each.reasons(data, users, movies.numpy(), 5, boosts) for each in (one, other))
    np.testing.assert_array_equal(one_found.parts, other_found.parts)
    assert {RULE, MOVIE} <= set(one_found.kinds.ravel().tolist())


def test_lists_are_the_same_after_reasons(data: Snapshot) -> None:
    model, users = make("hybrid").fit(data), np.arange(data.users)
    scores, movies = model.best(data, users, 10)
    model.reasons(data, users, movies.numpy(), 3)
    again, others = model.best(data, users, 10)
    assert scores.equal(again)
    assert movies.equal(others)


def test_a_model_without_parts_gives_none(data: Snapshot) -> None:
    model, users = make("sae", epochs=1).fit(data), np.arange(5)
    _, movies = model.best(data, users, 3)
    assert model.reasons(data, users, movies.numpy(), 3) is None


def test_one_more_part_takes_its_place() -> None:
    none = Reasons.nothing((1, 2), 2)
    found = none.plus(TREND, np.array([[1.0, -1.0]])).plus(RULE, np.array([[2.0, 3.0]]))
    found = found.plus(MOVIE, np.array([[1.5, 0.0]]), np.array([[7, 8]]))
    assert [[KINDS[kind] if kind >= 0 else "" for kind in row] for row in found.kinds[0]] == [
        ["rule", "movie"],
        ["rule", ""],
    ]
    assert found.parts.tolist() == [[[2.0, 1.5], [3.0, 0.0]]]
    assert found.about.tolist() == [[[-1, 7], [-1, -1]]]
    assert found.rest.tolist() == [[1.0, -1.0]]
    assert found.sizes.tolist() == [[4.5, 4.0]]
