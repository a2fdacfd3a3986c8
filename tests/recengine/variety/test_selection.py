"""Greedy selection against its definition in plain Python, with as many ties and caps as possible."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recengine.models.kernels.topn import Lists
from recengine.variety.greedy import OWN_FILMS
from recengine.variety.selection import Cap, Variety, select, tastes_of

MOVIES, GENRES = 12, 4
SMALL = settings(max_examples=200, deadline=None)


class Case(NamedTuple):
    pool: Lists
    n: int
    caps: list[Cap]
    pinned: np.ndarray
    variety: Variety
    tastes: csr_array


def sparse(rows: Any) -> csr_array:
    return csr_array(np.array(rows, dtype=np.float32))


def pool_of(rng: np.random.Generator, users: int, size: int) -> Lists:
    """Pools in the order of their values and movies, some of them not full."""
    lists = Lists(np.full((users, size), -np.inf, np.float32), np.full((users, size), -1))
    for user in range(users):
        rows = size if rng.random() < 0.7 else int(rng.integers(0, size + 1))
        movies = rng.permutation(MOVIES)[:rows]
        values = rng.integers(-3, 4, rows).astype(np.float32) / 2
        order = np.lexsort((movies, -values))
        lists.values[user, :rows], lists.ids[user, :rows] = values[order], movies[order]
    return lists


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    users, size = draw(st.integers(1, 4)), draw(st.integers(1, MOVIES))
    pool = pool_of(rng, users, size)
    caps = [
        Cap(sparse(rng.random((MOVIES, int(rng.integers(1, 4)))) < 0.5), int(rng.integers(0, 4)))
        for _ in range(draw(st.integers(0, 2)))
    ]
    pinned = (rng.random((users, size)) < draw(st.sampled_from([0, 0.2]))) & (pool.ids >= 0)
    factors = rng.normal(size=(MOVIES, draw(st.sampled_from([0, 3])))).astype(np.float32)
    factors /= np.maximum(np.linalg.norm(factors, axis=1, keepdims=True), 1e-9)
    genres = sparse(rng.random((MOVIES, GENRES)) < 0.4)
    weights = [draw(st.sampled_from([0.0, 0.1, 0.5, 0.9])) for _ in range(2)]
    rated = sparse(rng.random((users, MOVIES)) < 0.3)
    return Case(
        pool,
        draw(st.integers(1, 8)),
        caps,
        pinned,
        Variety(genres, factors, *weights),
        tastes_of(rated, genres),
    )


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norms if norms else 0.0


def alike(variety: Variety, one: int, other: int) -> float:
    genres = variety.genres.toarray()
    by_genre = cosine(genres[one], genres[other])
    if not variety.factors.shape[1]:
        return by_genre
    by_factors = cosine(variety.factors[one].astype(float), variety.factors[other].astype(float))
    return (by_genre + min(max(by_factors, 0.0), 1.0)) / 2


def worth(case: Case, user: int, listed: list[int]) -> float:
    """sum_g p_g log(c p_g + films of g on the list)."""
    genres, taste = case.variety.genres.toarray(), case.tastes.toarray()[user]
    films = sum((genres[movie] / max(genres[movie].sum(), 1) for movie in listed), start=np.zeros(GENRES))
    return sum(p * math.log(OWN_FILMS * p + q) for p, q in zip(taste, films, strict=True) if p > 0)


def added(case: Case, user: int, at: int, listed: list[int]) -> float:
    """The objective, as the module states it."""
    values, movies, free = case.pool.values[user], case.pool.ids[user], ~case.pinned[user]
    own = values[free & (movies >= 0)]
    spread = float(own.max() - own.min()) if len(own) else 0.0
    movie = int(movies[at])
    odds = [w / (1 - w) for w in (case.variety.diversity, case.variety.calibration)]
    nearest = max((alike(case.variety, movie, other) for other in listed), default=0.0)
    gain = worth(case, user, [*listed, movie]) - worth(case, user, listed)
    return float(values[at]) + spread * (odds[1] * gain - odds[0] * nearest)


def allowed(case: Case, movie: int, listed: list[int]) -> bool:
    for cap in case.caps:
        values = cap.values.toarray()
        for value in np.flatnonzero(values[movie]):
            if sum(values[other, value] > 0 for other in listed) >= cap.most:
                return False
    return True


@SMALL
@given(case=cases())
def test_every_row_adds_most_of_what_is_allowed(case: Case) -> None:
    pool, n, caps, pinned, variety, tastes = case
    chosen = select(pool, n, caps=caps, pinned=pinned, variety=variety, tastes=tastes)
    for user, places in enumerate(chosen.places):
        movies, rows = pool.ids[user], [int(at) for at in places if at >= 0]
        assert places[len(rows) :].tolist() == [-1] * (n - len(rows))
        assert len(set(rows)) == len(rows)
        first = [int(at) for at in np.flatnonzero(pinned[user])][:n]
        assert rows[: len(first)] == first
        for rank in range(len(first), n):
            listed = [int(movies[at]) for at in rows[:rank]]
            free = [
                at
                for at in range(len(movies))
                if movies[at] >= 0 and at not in rows[:rank] and allowed(case, int(movies[at]), listed)
            ]
            if rank >= len(rows):
                assert not free
                break
            assert rows[rank] in free
            best = max(added(case, user, at, listed) for at in free)
            mine = added(case, user, rows[rank], listed)
            assert mine == pytest.approx(best, abs=1e-5)
            assert chosen.scores[user, rank] == pytest.approx(mine, abs=1e-4)
        scores = chosen.scores[user, : len(rows)]
        assert (np.diff(scores) <= 0).all()
        assert np.isfinite(scores).all()
        assert chosen.ran_out[user] == (len(rows) < n and movies[-1] >= 0)


@SMALL
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, MOVIES), n=st.integers(1, 15))
def test_without_a_wish_it_is_the_pool(seed: int, size: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    pool = pool_of(rng, 3, size)
    chosen = select(pool, n)
    # A cap that never holds anything back, so that the loop itself is asked too.
    looped = select(pool, n, caps=[Cap(sparse(np.ones((MOVIES, 1))), MOVIES)])
    for one in (chosen, looped):
        rows = min(n, size)
        np.testing.assert_array_equal(
            one.places[:, :rows], np.where(pool.ids >= 0, np.arange(size), -1)[:, :rows]
        )
        np.testing.assert_array_equal(one.scores[:, :rows], pool.values[:, :rows])
        assert (one.places[:, rows:] == -1).all()
        assert (one.places.dtype, one.scores.dtype) == (np.int64, np.float32)


@SMALL
@given(case=cases())
def test_a_longer_list_begins_with_the_shorter_one(case: Case) -> None:
    pool, n, caps, _, variety, tastes = case
    short = select(pool, n, caps=caps, variety=variety, tastes=tastes)
    long = select(pool, n + 3, caps=caps, variety=variety, tastes=tastes)
    np.testing.assert_array_equal(long.places[:, :n], short.places)
    np.testing.assert_array_equal(long.scores[:, :n], short.scores)


def test_a_diverse_list_leaves_the_second_comedy_for_later() -> None:
    genres = sparse([[1, 0], [1, 0], [0, 1]])
    pool = Lists(np.array([[3.0, 2.9, 1.0]], np.float32), np.array([[0, 1, 2]]))
    chosen = select(pool, 3, variety=Variety(genres, np.zeros((3, 0), np.float32), diversity=0.5))
    assert chosen.places.tolist() == [[0, 2, 1]]
    np.testing.assert_allclose(chosen.scores, [[3.0, 1.0, 0.9]], rtol=1e-6)  # 2.9 less the spread of 2


def test_a_calibrated_list_has_the_users_shares() -> None:
    genres = sparse([[1, 0]] * 6 + [[0, 1]] * 6)
    pool = Lists(np.linspace(2, 1, 12, dtype=np.float32)[None], np.arange(12)[None])
    tastes = tastes_of(sparse([[1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]]), genres)
    assert tastes.toarray().tolist() == [[0.75, 0.25]]
    variety = Variety(genres, np.zeros((12, 0), np.float32), calibration=0.9)
    chosen = select(pool, 8, variety=variety, tastes=tastes)
    assert (chosen.places >= 6).sum() == 2


def test_equal_rows_come_in_the_order_of_their_movies_wherever_they_stand() -> None:
    genres = sparse([[1, 0], [1, 0], [0, 1], [0, 1]])
    pool = Lists(np.array([[2.0, 1.0, 1.0, 0.0]], np.float32), np.array([[1, 0, 3, 2]]))
    chosen = select(pool, 4, variety=Variety(genres, np.zeros((4, 0), np.float32), diversity=0.2))
    assert pool.ids[0][chosen.places[0]].tolist() == [1, 3, 0, 2]
    level = Lists(np.ones((1, 3), np.float32), np.array([[0, 1, 2]]))
    chosen = select(level, 3, variety=Variety(genres, np.zeros((4, 0), np.float32), diversity=0.2))
    assert chosen.places.tolist() == [[0, 1, 2]]  # no spread: nothing to gain by another order


def test_many_users_are_the_same_as_each_alone() -> None:
    rng = np.random.default_rng(3)
    pool, genres = pool_of(rng, 300, MOVIES), sparse(rng.random((MOVIES, GENRES)) < 0.4)
    tastes = tastes_of(sparse(rng.random((300, MOVIES)) < 0.3), genres)
    variety = Variety(genres, np.zeros((MOVIES, 0), np.float32), 0.3, 0.3)
    caps = [Cap(genres, 2)]
    whole = select(pool, 6, caps=caps, variety=variety, tastes=tastes)
    for user in (0, 63, 64, 299):
        own = Lists(pool.values[[user]], pool.ids[[user]])
        alone = select(own, 6, caps=caps, variety=variety, tastes=tastes[[user]])
        np.testing.assert_array_equal(alone.places[0], whole.places[user])
        np.testing.assert_array_equal(alone.scores[0], whole.scores[user])


def test_calibration_asks_for_tastes() -> None:
    genres = sparse([[1.0]])
    pool = Lists(np.ones((1, 1), np.float32), np.zeros((1, 1), np.int64))
    with pytest.raises(ValueError, match="tastes"):
        select(pool, 1, variety=Variety(genres, np.zeros((1, 0), np.float32), calibration=0.1))
