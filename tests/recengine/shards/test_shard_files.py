"""Shards of users: which they are, and that each is there alone."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_homes import core_of
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recengine import features
from recengine.dataset import SHARD_RATINGS, Snapshot
from recengine.errors import BadInput
from recengine.shards import files

COUNTS = st.lists(st.integers(0, 12), max_size=40)


def with_counts(small: Snapshot, counts: list[int], size: int) -> Snapshot:
    """As many users as counts, each with that number of ratings."""
    indptr = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int32)
    movies = np.concatenate([np.arange(count, dtype=np.int32) for count in counts] or [np.zeros(0, np.int32)])
    ratings = csr_array((np.ones(len(movies), np.float32), movies, indptr), shape=(len(counts), small.movies))
    return replace(small, user_ids=np.arange(len(counts)), ratings=ratings, shard_ratings=size)


@given(counts=COUNTS, more=COUNTS, size=st.integers(1, 30))
def test_shards_cover_the_users_in_order_and_hold_as_many_ratings(
    small: Snapshot, counts: list[int], more: list[int], size: int
) -> None:
    snapshot = with_counts(small, counts, size)
    shards = snapshot.shards
    assert [user for shard in shards for user in range(shard.start, shard.stop)] == list(range(len(counts)))
    most = size + max(counts, default=0)
    assert all(sum(counts[shard]) < most for shard in shards) or most == size
    assert len(shards) == 1 or all(shard.start < shard.stop for shard in shards)
    grown = with_counts(small, counts + more, size).shards
    assert grown[: len(shards) - 1] == shards[:-1]


def test_one_shard_where_the_data_is_small(small: Snapshot) -> None:
    assert small.shard_ratings == SHARD_RATINGS
    assert small.shards == [slice(0, 40)]


def test_each_shard_is_there_alone_and_together_they_are_the_snapshot(
    small: Snapshot, tmp_path: Path
) -> None:
    folders = files.write(replace(small, shard_ratings=120), tmp_path / "there")
    assert [folder.name for folder in folders] == [f"{shard:05d}" for shard in range(9)]
    for shard, folder in enumerate(folders):  # moved to where nothing else is
        shutil.move(folder, files.folder_of(tmp_path / str(shard), shard))
    parts = [files.load(tmp_path / str(shard), shard) for shard in range(9)]
    for name in ("ratings", "genre_counts", "user_features"):
        stacked = np.vstack([getattr(part, name).toarray() for part in parts])
        np.testing.assert_array_equal(stacked, getattr(small, name).toarray())
    for name in ("user_ids", "rated_at", "registration_months"):
        np.testing.assert_array_equal(
            np.concatenate([getattr(part, name) for part in parts]), getattr(small, name)
        )
    for part in parts:
        np.testing.assert_array_equal(part.movie_ids, small.movie_ids)
        np.testing.assert_array_equal(part.movie_features.toarray(), small.movie_features.toarray())


def sums(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != ".sums.json"
    }


def test_the_same_bytes_again_and_only_what_is_missing(small: Snapshot, tmp_path: Path) -> None:
    sharded = replace(small, shard_ratings=250)
    folders = files.write(sharded, tmp_path)
    before = sums(tmp_path)
    assert len(before) == 4 * 17
    shutil.rmtree(folders[1])
    torn = folders[2] / "rated_at.npy"
    torn.write_bytes(torn.read_bytes()[:-8])
    kept = folders[0].stat().st_ino, folders[3].stat().st_ino
    assert files.write(sharded, tmp_path) == folders
    assert sums(tmp_path) == before
    assert (folders[0].stat().st_ino, folders[3].stat().st_ino) == kept


def test_the_size_is_a_part_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    con = core_of()
    prints = set()
    for size in ("", "2", "3"):
        monkeypatch.setenv("RECENGINE_SHARD_RATINGS", size)
        snapshot = features.snapshot(con)
        prints.add(snapshot.fingerprint)
        assert snapshot.shard_ratings == int(size or SHARD_RATINGS)
    assert len(prints) == 3
    monkeypatch.setenv("RECENGINE_SHARD_RATINGS", "0")
    with pytest.raises(
        BadInput, match=r"RECENGINE_SHARD_RATINGS is '0'; give a number of ratings, such as 5000000"
    ):
        features.fingerprint_of(con)
