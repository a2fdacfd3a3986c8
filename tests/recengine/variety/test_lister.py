"""Lists by the switches: off they are the model's own, bit for bit; on they keep every promise of a list."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recengine import score
from recengine.dataset import Snapshot
from recengine.knobs.published import SWITCHES, ScoreConfig
from recengine.models import make
from recengine.models.base import Model
from recengine.models.excluded import Boosts, Excluded
from recengine.models.propensity import factors_of
from recengine.variety import lists as variety
from recengine.variety import scouts
from recengine.variety.drawn import SLICE_OF_MOVIE, SLICE_OF_USER, drawn
from recengine.variety.lists import Lister
from recengine.variety.selection import Cap

ON = [{name: 0.3} for name in SWITCHES] + [dict.fromkeys(SWITCHES, 0.3)]


@pytest.fixture(scope="module")
def fitted(small: Snapshot) -> dict[str, Model]:
    knobs = {"sae": {"epochs": 3}, "hybrid": {"recency": "off"}}
    return {
        name: make(name, **knobs.get(name, {})).fit(small) for name in ("hybrid", "ease", "sae", "popularity")
    }


def everybody(snapshot: Snapshot) -> np.ndarray:
    return np.arange(snapshot.users)


@pytest.mark.parametrize("name", ["hybrid", "ease", "sae", "popularity"])
def test_off_is_the_model_itself(name: str, fitted: dict[str, Model], small: Snapshot) -> None:
    values, movies = fitted[name].best(small, everybody(small), 12)
    listed = Lister.of(fitted[name], small, ScoreConfig()).lists(everybody(small), 12)
    np.testing.assert_array_equal(listed.scores, values)
    np.testing.assert_array_equal(listed.movies, movies)
    assert not listed.varied.any()


@pytest.mark.parametrize("asked", ON, ids=[*SWITCHES, "all"])
@pytest.mark.parametrize("name", ["hybrid", "ease", "sae", "popularity"])
def test_a_list_stays_a_list(
    name: str, asked: dict[str, float], fitted: dict[str, Model], small: Snapshot
) -> None:
    config, users = ScoreConfig(**asked), everybody(small)
    lister = Lister.of(fitted[name], small, config)
    listed = lister.lists(users, 12)
    plain = fitted[name].best(small, users, 12)[1].numpy()
    by_stars = name == "sae" and set(asked) == {"rank_by"}  # as it does anyway
    assert (listed.movies != plain).any() or name == "popularity" or by_stars
    there = listed.movies >= 0
    np.testing.assert_array_equal(there.sum(axis=1), (plain >= 0).sum(axis=1))  # as many rows
    rated = small.ratings.toarray() > 0
    for user in users:
        mine = listed.movies[user][there[user]]
        assert len(set(mine)) == len(mine)
        assert not rated[user, mine].any()
        assert (np.diff(listed.scores[user][there[user]]) <= 0).all()
    again = lister.lists(users[10:20], 12)  # nobody's list depends on the others
    np.testing.assert_array_equal(again.movies, listed.movies[10:20])
    np.testing.assert_allclose(again.scores, listed.scores[10:20], rtol=1e-5)


@pytest.mark.parametrize("asked", [{"diversity": 0.3}, {"calibration": 0.3}, {"rank_by": 0.4}])
def test_what_the_choice_changed_is_told_row_by_row(
    asked: dict[str, float], fitted: dict[str, Model], small: Snapshot
) -> None:
    listed = Lister.of(fitted["ease"], small, ScoreConfig(**asked)).lists(everybody(small), 10)
    scores = fitted["ease"].score(small, slice(0, small.users)).numpy()
    own = np.take_along_axis(scores, listed.movies, axis=1)
    np.testing.assert_allclose(own + listed.varied, listed.scores, atol=1e-6)
    assert listed.varied.any()


def test_stars_alone_rank_the_pool_by_stars(
    fitted: dict[str, Model], small: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variety, "POOL", 20)
    monkeypatch.setattr(variety, "PER_ROW", 1)
    users = everybody(small)
    listed = Lister.of(fitted["hybrid"], small, ScoreConfig(rank_by=1)).lists(users, 20)
    pool = fitted["hybrid"].best(small, users, 20)[1].numpy()
    stars = fitted["hybrid"].predict(small, np.repeat(users, 20), listed.movies.ravel())
    assert stars is not None
    assert (np.diff(stars.reshape(-1, 20), axis=1) <= 1e-6).all()
    np.testing.assert_array_equal(np.sort(listed.movies), np.sort(pool))


def test_who_runs_out_gets_a_larger_pool(
    fitted: dict[str, Model], small: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    users, genres = everybody(small), small.movie_group("genre")
    lister = Lister.of(fitted["ease"], small, ScoreConfig())
    wide = lister.lists(users, 5, caps=[Cap(genres, 1)])
    monkeypatch.setattr(variety, "POOL", 5)
    monkeypatch.setattr(variety, "PER_ROW", 1)
    narrow = lister.lists(users, 5, caps=[Cap(genres, 1)])
    for one, other in zip(wide, narrow, strict=True):
        np.testing.assert_array_equal(one, other)
    counts = np.array([np.asarray(genres[row[row >= 0]].sum(axis=0)).max() for row in narrow.movies])
    assert counts.max() == 1


def test_exclusions_and_boosts_reach_the_pool(fitted: dict[str, Model], small: Snapshot) -> None:
    users, boosted = everybody(small), np.zeros(small.movies, dtype=np.float32)
    hidden = np.arange(small.movies) % 2 == 0
    boosted[1] = 50
    excluded = Excluded(small.ratings, hidden)
    for asked in ON:
        lister = Lister.of(fitted["hybrid"], small, ScoreConfig(**asked))
        listed = lister.lists(users, 10, excluded, Boosts(boosted))
        assert not hidden[listed.movies[listed.movies >= 0]].any()
        without = np.asarray(small.ratings[:, [1]].toarray()).ravel() == 0
        assert (listed.movies[without] == 1).any(axis=1).all()


@pytest.mark.parametrize("name", ["hybrid", "ease"])
def test_a_debiased_score_is_the_score_times_a_factor(
    name: str, fitted: dict[str, Model], small: Snapshot
) -> None:
    factors = factors_of(small, 0.5)
    counts = np.bincount(small.ratings.indices, minlength=small.movies)
    order = np.argsort(counts, kind="stable")
    assert (np.diff(factors[order]) <= 0).all()  # the more ratings, the less
    assert factors.max() > factors.min() >= 1
    model = fitted[name]
    shown = model.debiased(small, 0.5)
    np.testing.assert_allclose(
        shown.ranked(small, slice(0, 40)).numpy(),
        model.score(small, slice(0, 40)).numpy() * factors,
        atol=2e-6,
    )
    best = shown.best(small, everybody(small), 5)
    every = shown.ranked(small, slice(0, small.users)).numpy()
    np.testing.assert_allclose(best[0], np.take_along_axis(every, best[1].numpy(), axis=1), atol=2e-6)
    assert model.debiased(small, 0) is model


def test_every_tenth_row_is_the_users_own(fitted: dict[str, Model], small: Snapshot) -> None:
    model = fitted["ease"]
    lister = replace(Lister.of(model, small, ScoreConfig(popularity_debias=0.2)), scouts=0.0)
    listed = lister.lists(everybody(small), 20)
    shown = model.debiased(small, 0.2)
    np.testing.assert_array_equal(listed.movies[:, :18], shown.best(small, everybody(small), 18)[1])
    every = shown.ranked(small, slice(0, small.users)).numpy()
    assert lister.common is not None
    np.testing.assert_allclose(lister.common.scores.mean, every.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(lister.common.scores.spread, every.std(axis=0), rtol=1e-3, atol=1e-6)
    above = every - every.mean(axis=0)
    above[small.ratings.toarray() > 0] = -np.inf
    np.put_along_axis(above, listed.movies[:, :18], -np.inf, axis=1)
    for user, row in enumerate(listed.movies[:, 18:]):
        if (row >= 0).all():
            assert set(row) == set(np.argsort(-above[user])[:2])
    np.testing.assert_array_equal(listed.movies[:, :9], lister.lists(everybody(small), 9).movies)


def test_scouts_show_movies_of_the_whole_catalogue(
    fitted: dict[str, Model], small: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scouts, "GROUPS", 2)
    monkeypatch.setattr(scouts, "FINER", 2)
    monkeypatch.setattr(scouts, "BEST", 1)
    users, config = everybody(small), ScoreConfig(popularity_debias=0.4)
    lister = Lister.of(fitted["ease"], small, config)
    are = scouts.are_scouts(small.user_ids, 0.4)
    assert lister.scouts == 0.4
    assert 0 < are.sum() < small.users
    without, listed = replace(lister, scouts=0.0).lists(users, 10), lister.lists(users, 10)
    np.testing.assert_array_equal(listed.movies[~are], without.movies[~are])
    np.testing.assert_array_equal(listed.movies[:, :9], without.movies[:, :9])
    assert lister.common is not None
    field, rated = lister.common.scores, small.ratings.toarray() > 0
    every = lister.model.ranked(small, slice(0, small.users)).numpy()
    whole = are & (without.movies >= 0).all(axis=1)
    slices = drawn(small.movie_ids, SLICE_OF_MOVIE) % 4
    for user in np.flatnonzero(whole):
        free = ~rated[user]
        free[listed.movies[user, :9]] = False
        free &= slices == drawn(small.user_ids[[user]], SLICE_OF_USER) % 4
        if free.any():
            above = np.where(free, (every[user] - field.mean) / field.spread, -np.inf)
            assert listed.movies[user, 9] == above.argmax()
    np.testing.assert_allclose(
        (listed.scores - listed.varied)[whole],
        np.take_along_axis(every, listed.movies, axis=1)[whole],
        atol=1e-6,
    )


def test_what_scouts_find_keeps_to_caps_and_to_what_is_allowed(
    fitted: dict[str, Model], small: Snapshot
) -> None:
    users, genres = everybody(small), small.movie_group("genre")
    lister = replace(Lister.of(fitted["hybrid"], small, ScoreConfig(popularity_debias=0.1)), scouts=1.0)
    hidden = np.arange(small.movies) % 3 == 0
    listed = lister.lists(users, 10, Excluded(small.ratings, hidden), caps=[Cap(genres, 3)])
    assert not hidden[listed.movies[listed.movies >= 0]].any()
    counts = [np.asarray(genres[row[row >= 0]].sum(axis=0)).max() for row in listed.movies]
    assert max(counts) == 3
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in listed.movies)


def test_scouts_are_a_share_of_the_users_and_stay_when_there_are_more() -> None:
    ids = np.arange(100_000) - 50_000
    some, more = scouts.are_scouts(ids, 0.1), scouts.are_scouts(ids, 0.3)
    assert some.mean() == pytest.approx(0.1, abs=0.005)
    assert more.mean() == pytest.approx(0.3, abs=0.005)
    assert not (some & ~more).any()
    assert scouts.are_scouts(ids, 1.0).all()
    assert not scouts.are_scouts(ids, 0.0).any()


def test_the_stage_lists_by_the_switches(fitted: dict[str, Model], small: Snapshot) -> None:
    config = ScoreConfig(diversity=0.5)
    [batch] = score.recommend(fitted["ease"], small, 10, switches=config)
    listed = Lister.of(fitted["ease"], small, config).lists(everybody(small), 10)
    taken = listed.movies >= 0
    np.testing.assert_array_equal(batch["movie_id"], small.movie_ids[listed.movies[taken]])
    np.testing.assert_array_equal(batch["score"], listed.scores[taken])
