"""Every split: its two parts are disjoint and complete, nothing leaks, and the right ratings are held out."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_fakes import random_snapshot, snapshot_of
from hypothesis import given, settings
from hypothesis import strategies as st

from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.evaluation.splits import (
    Split,
    from_mask,
    leave_one_out,
    random_per_user,
    sample_users,
    temporal,
)


def _random_mask(snapshot: Snapshot) -> Split:
    return from_mask(snapshot, np.random.default_rng(0).random(snapshot.ratings.nnz) < 0.3)


@pytest.fixture
def snapshot() -> Snapshot:
    return random_snapshot(7)


PROTOCOLS = {
    "temporal": temporal,
    "random": random_per_user,
    "leave-one-out": leave_one_out,
    "files": _random_mask,
}


def _keys(snapshot: Snapshot) -> set[tuple[int, ...]]:
    columns = (snapshot.rating_users, snapshot.ratings.indices, snapshot.ratings.data, snapshot.rated_at)
    return set(zip(*(column.tolist() for column in columns), strict=True))


def _test_keys(split: Split) -> set[tuple[int, ...]]:
    test = split.test
    columns = (test.user_index, test.movie_index, test.rating, test.rated_at)
    return set(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_parts_are_disjoint_complete_and_repeatable(protocol: str, seed: int) -> None:
    snapshot = random_snapshot(seed)
    split = PROTOCOLS[protocol](snapshot)
    again = PROTOCOLS[protocol](snapshot)
    train, test = _keys(split.train), _test_keys(split)
    assert not train & test
    assert train | test == _keys(snapshot)
    assert test == _test_keys(again)
    assert np.all(np.diff(split.test.user_index * snapshot.movies + split.test.movie_index) > 0)
    assert (split.protocol, len(split.test)) == (protocol, len(test))
    assert set(split.known_users) | set(split.new_users) == set(split.test.user_index)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_training_part_knows_nothing_of_what_is_held_out(protocol: str) -> None:
    snapshot = random_snapshot(3)
    split = PROTOCOLS[protocol](snapshot)
    stars = split.train.ratings.toarray()
    assert not stars[split.test.user_index, split.test.movie_index].any()
    expected = (stars >= 3).astype(np.float32) @ snapshot.movie_group("genre").toarray()
    np.testing.assert_array_equal(split.train.genre_counts.toarray(), expected)
    altered = snapshot_of(snapshot.ratings.toarray(), snapshot.rated_at)
    hidden = np.zeros((snapshot.users, snapshot.movies), dtype=bool)
    hidden[split.test.user_index, split.test.movie_index] = True
    mask = hidden[altered.rating_users, altered.ratings.indices]
    altered.ratings.data[mask] = 5  # other held-out stars, the same training part
    other = from_mask(altered, mask).train
    for part in ("ratings", "genre_counts"):
        assert (getattr(other, part) != getattr(split.train, part)).nnz == 0
    np.testing.assert_array_equal(other.registration_months, split.train.registration_months)


def test_temporal_holds_out_the_newest_and_everything_at_the_cut() -> None:
    stars = np.full((2, 5), 4)
    times = np.array([1, 2, 3, 5, 5, 1, 2, 3, 4, 6])  # sorted: 1 1 2 2 3 3 4 5 5 6
    split = temporal(snapshot_of(stars, times), share=0.2)
    assert split.test.rated_at.tolist() == [5, 5, 6]  # position 8 is a 5; both fives go
    assert split.train.rated_at.max() == 4
    assert "1970-01-01 00:00:05 UTC" in split.description


def test_temporal_rolling_cuts_follow_each_other(snapshot: Snapshot) -> None:
    before, last = temporal(snapshot, 0.2, 0.8), temporal(snapshot, 0.2)
    assert before.train.rated_at.max() < before.test.rated_at.min()
    assert before.test.rated_at.max() < last.test.rated_at.min()
    assert before.train.ratings.nnz + len(before.test) == last.train.ratings.nnz


def test_new_users_are_told_apart() -> None:
    stars = np.array([[4, 4, 4], [0, 5, 3], [2, 2, 0]])
    snapshot = snapshot_of(stars, np.array([1, 2, 9, 8, 9, 1, 8]))
    split = temporal(snapshot, share=0.5)
    assert split.test_users.tolist() == [0, 1, 2]
    assert split.new_users.tolist() == [1]
    assert split.known_users.tolist() == [0, 2]
    assert temporal(snapshot, share=0.5, min_train=2).known_users.tolist() == [0]
    assert split.counts == {
        "train_ratings": 3,
        "train_users": 2,
        "test_ratings": 4,
        "test_users": 3,
        "new_users": 1,
        "new_user_ratings": 2,
    }
    users, relevant = split.relevance()
    assert users.tolist() == [0, 2]
    np.testing.assert_array_equal(relevant.toarray(), [[False, False, True], [False, True, False]])
    users, relevant = split.relevance(relevant_from=3)
    assert (users.tolist(), relevant.nnz) == ([0], 1)


def test_random_keeps_three_quarters_of_each_user() -> None:
    stars = np.tril(np.ones((8, 8)))  # user i has i + 1 ratings
    snapshot = snapshot_of(stars)
    split = random_per_user(snapshot)
    kept = np.diff(split.train.ratings.indptr)
    assert kept.tolist() == [round(n * 0.75) for n in range(1, 9)]
    other = random_per_user(snapshot, seed=1)
    assert _test_keys(other) != _test_keys(split)


def test_leave_one_out_takes_the_newest_of_users_with_two() -> None:
    stars = np.array([[1, 2, 3], [0, 4, 0], [5, 5, 0], [0, 0, 0]])
    split = leave_one_out(snapshot_of(stars, np.array([3, 9, 1, 4, 7, 7])))
    assert split.test.user_index.tolist() == [0, 2]
    assert split.test.movie_index.tolist() == [1, 0]
    assert split.train.ratings.toarray()[1, 1] == 4


def test_equal_times_are_told_apart_by_the_seed_not_by_the_movie() -> None:
    stars = np.full((200, 9), 4)
    undated = snapshot_of(stars, np.full(1800, 5))
    split = leave_one_out(undated, seed=1)
    assert "all ratings have one and the same date" in split.description
    assert split.test_users.tolist() == list(range(200))
    assert np.bincount(split.test.movie_index, minlength=9).max() < 50  # 22 each, not 200 times the first
    assert (
        _test_keys(leave_one_out(undated, seed=1)) == _test_keys(split) != _test_keys(leave_one_out(undated))
    )


@pytest.mark.parametrize(
    "newer", [0, 0.05]
)  # share of the ratings that are newer than the many of one moment
@pytest.mark.parametrize("older", [0, 0.05])
@pytest.mark.parametrize("upper", [1.0, 0.8])
def test_a_moment_of_too_many_ratings_is_cut_by_the_seed(newer: float, older: float, upper: float) -> None:
    times = np.full(1000, 500)
    times[: int(1000 * older)] = np.arange(1, int(1000 * older) + 1)
    times[1000 - int(1000 * newer) :] = 900
    snapshot = snapshot_of(np.full((50, 20), 4), times)
    split = temporal(snapshot, 0.2, upper, seed=3)
    assert len(split.test) == 200
    assert split.train.ratings.nnz == round(1000 * (upper - 0.2))
    assert split.train.rated_at.max() <= split.test.rated_at.min()
    assert "in an order drawn by seed 3" in split.description
    assert _test_keys(split) == _test_keys(temporal(snapshot, 0.2, upper, seed=3))
    assert _test_keys(split) != _test_keys(temporal(snapshot, 0.2, upper, seed=4))


@pytest.mark.parametrize(("share", "upper"), [(0, 1), (1, 1), (0.5, 0.5), (0.2, 1.1)])
def test_impossible_shares_are_refused(snapshot: Snapshot, share: float, upper: float) -> None:
    with pytest.raises(BadInput, match="0 < share < upper <= 1"):
        temporal(snapshot, share, upper)


def test_splits_with_an_empty_part_are_refused(snapshot: Snapshot) -> None:
    everything = np.ones(snapshot.ratings.nnz, dtype=bool)
    with pytest.raises(BadInput, match="0 ratings to train on"):
        from_mask(snapshot, everything)
    with pytest.raises(BadInput, match="share of ratings"):
        random_per_user(snapshot, share=1.0)


def test_a_sample_of_users_keeps_whole_histories() -> None:
    snapshot = random_snapshot(3)
    most = snapshot.ratings.nnz // 2
    sample = sample_users(snapshot, most, seed=1)
    assert most <= sample.ratings.nnz < most + np.diff(snapshot.ratings.indptr).max()
    chosen = np.searchsorted(snapshot.user_ids, sample.user_ids)
    np.testing.assert_array_equal(sample.ratings.toarray(), snapshot.ratings.toarray()[chosen])
    starts = snapshot.ratings.indptr
    times = [snapshot.rated_at[starts[user] : starts[user + 1]] for user in chosen]
    np.testing.assert_array_equal(sample.rated_at, np.concatenate(times))
    assert sample.user_features.shape == (sample.users, len(snapshot.user_columns))
    assert sample_users(snapshot, snapshot.ratings.nnz, seed=1) is snapshot
