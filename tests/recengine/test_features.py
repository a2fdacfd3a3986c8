"""Features: whole tables on three-row frames, the article's matrix, and parts of a snapshot against SQL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from engine_homes import MOVIES, RATINGS, USERS, Rating, core_of, fill_core
from hypothesis import given, settings
from hypothesis import strategies as st

from recengine import features
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.errors import NotReady
from recengine.warehouse.connection import memory
from recengine.warehouse.migrations import migrate

MONTHS_UNTIL_JULY = 182 / (365.2425 / 12)  # from 2020-01-01 to 2020-07-01


def assert_same(one: Snapshot, other: Snapshot) -> None:
    """Equal in everything, bit for bit."""
    assert (one.dataset, one.scale) == (other.dataset, other.scale)
    assert (one.user_columns, one.movie_columns) == (other.user_columns, other.movie_columns)
    for name in ("user_ids", "movie_ids", "rated_at", "registration_months"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name, strict=True)
    for name in ("ratings", "genre_counts", "user_features", "movie_features"):
        left, right = getattr(one, name), getattr(other, name)
        assert left.shape == right.shape
        for part in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(left, part), getattr(right, part), err_msg=f"{name}.{part}")


def test_article_matrix() -> None:
    built = features.snapshot(core_of())
    # movies 10, 20, 30 | liked comedies, liked dramas | female, male, age, registration months
    expected = [
        [5, 2, 0, 1, 1, 1, 0, 24, MONTHS_UNTIL_JULY],
        [0, 3, 0, 0, 1, 0, 1, 57, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    parts = [part.toarray() for part in (built.ratings, built.genre_counts, built.article_attributes())]
    np.testing.assert_allclose(np.hstack(parts), np.float32(expected), rtol=1e-6)
    np.testing.assert_array_equal(built.article_attributes(slice(1, 2)).toarray(), parts[2][1:2])


def test_long_tables_whole() -> None:
    con = core_of()
    features.snapshot(con)
    tables = {
        "users": [(0, 1), (1, 2), (2, 3)],
        "movies": [(0, 10), (1, 20), (2, 30)],
        "interactions": [(0, 0, 5.0, 1577836800), (0, 1, 2.0, 1583020800), (1, 1, 3.0, 1593561600)],
        "genre_counts": [(0, 0, 1.0), (0, 1, 1.0), (1, 1, 1.0)],
        "registration_months": [(0, pytest.approx(MONTHS_UNTIL_JULY)), (1, 0.0)],
        "user_values": [
            (0, "age", pytest.approx(0.24)),
            (0, "age_band=22", 1.0),
            (0, "gender=F", 1.0),
            (0, "occupation=writer", 1.0),
            (0, "zip=9", 1.0),
            (1, "age", pytest.approx(0.57)),
            (1, "age_band=56", 1.0),
            (1, "gender=M", 1.0),
            (1, "occupation=doctor", 1.0),
            (1, "zip=other", 1.0),
        ],
        "movie_values": [
            (0, "genre=Comedy", 1.0),
            (0, "genre=Drama", 1.0),
            (0, "year", pytest.approx(0.95)),
            (0, "year_bin=1995", 1.0),
            (1, "genre=Drama", 1.0),
            (1, "year", pytest.approx(0.6)),
            (1, "year_bin=1955", 1.0),
        ],
    }
    for name, rows in tables.items():
        assert con.execute(f"FROM features.{name} ORDER BY ALL").fetchall() == rows, name


def test_columns_follow_the_tables() -> None:
    built = features.snapshot(core_of())
    assert built.user_columns == (
        *("age", "age_band=22", "age_band=56", "gender=F", "gender=M"),
        *("occupation=doctor", "occupation=writer", "zip=9", "zip=other"),
    )
    assert built.movie_columns == ("genre=Comedy", "genre=Drama", "year", "year_bin=1955", "year_bin=1995")
    np.testing.assert_array_equal(built.user_group("gender").toarray(), [[1, 0], [0, 1], [0, 0]])
    np.testing.assert_array_equal(built.movie_group("genre").toarray(), [[1, 1], [0, 1], [0, 0]])
    assert built.user_group("age").shape == (3, 1)  # not the age bands


def test_missing_demographics_give_no_columns() -> None:
    nobody = [(user[0], None, None, None, None) for user in USERS]
    built = features.snapshot(core_of(users=nobody))
    assert built.user_columns == ()
    assert built.user_features.shape == (3, 0)
    assert built.article_attributes().shape == (3, 1)  # the months remain


def test_only_some_attributes() -> None:
    built = features.snapshot(core_of(users=[(1, None, 30, None, None), (2, None, None, "artist", None)]))
    assert built.user_columns == ("age", "age_band=30", "occupation=artist")


def test_build_twice_does_no_work(tmp_path: Path) -> None:
    home, con = Home.at(tmp_path / "home"), core_of()
    first = features.build(con, home)
    stamps = {file: file.stat().st_mtime_ns for file in first.folder.iterdir()}
    con.execute("DROP VIEW features.interactions")  # would be made again if anything were done
    second = features.build(con, home)
    assert con.sql("SELECT 1").fetchall() == [(1,)]  # nothing that was begun is unfinished
    assert (first.built, second.built) == (True, False)
    assert (first.fingerprint, first.folder) == (second.fingerprint, second.folder)
    assert {file: file.stat().st_mtime_ns for file in second.folder.iterdir()} == stamps
    assert not con.execute("SELECT 1 FROM duckdb_views() WHERE view_name = 'interactions'").fetchall()
    assert (second.users, second.movies, second.ratings) == (3, 3, 3)


def test_other_data_gives_another_snapshot_and_removes_the_old(tmp_path: Path) -> None:
    home, con = Home.at(tmp_path / "home"), core_of()
    first = features.build(con, home)
    con.execute("UPDATE ops.dataset SET input_fingerprint = 'other'")
    second = features.build(con, home)
    assert second.fingerprint != first.fingerprint
    assert list(home.snapshots.iterdir()) == [second.folder]


def test_ratings_in_any_order_give_the_same_matrix() -> None:
    built = features.snapshot(core_of())
    assert_same(features.snapshot(core_of(ratings=RATINGS[::-1])), built)
    np.testing.assert_array_equal(built.ratings.indptr, [0, 2, 3, 3])
    assert built.ratings.has_canonical_format


def test_killed_build_leaves_no_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, con = Home.at(tmp_path / "home"), core_of()

    def broken(self: Snapshot, folder: Path) -> None:
        (folder / "torn").mkdir()
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(Snapshot, "save", broken)
        with pytest.raises(OSError, match="disk full"):
            features.build(con, home)
    built = features.build(con, home)
    assert built.built
    assert_same(Snapshot.load(built.folder), features.snapshot(con))
    assert list(home.snapshots.iterdir()) == [built.folder]


def test_nothing_ingested(tmp_path: Path) -> None:
    con = memory()
    migrate(con, tmp_path)
    with pytest.raises(NotReady, match="recengine ingest"):
        features.build(con, Home.at(tmp_path / "home"))


def test_save_and_load(small: Snapshot, tmp_path: Path) -> None:
    small.save(tmp_path / "copy")
    copy = Snapshot.load(tmp_path / "copy")
    assert copy.fingerprint == small.fingerprint
    assert_same(copy, small)
    assert not copy.ratings.data.flags.writeable  # mapped, not read into memory


def test_parts_have_fingerprints_of_their_own(small: Snapshot) -> None:
    half = np.arange(small.ratings.nnz) % 2 == 0
    assert small.where(half).fingerprint == small.where(half).fingerprint
    assert len({part.fingerprint for part in (small, small.where(half), small.where(~half))}) == 3


NO_RATINGS = RATINGS[:1]
RATING = st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([10, 20, 30]))


@st.composite
def rated(draw: st.DrawFn) -> tuple[list[Rating], list[bool]]:
    pairs = sorted(draw(st.sets(RATING, min_size=1)))
    stars, years = st.sampled_from([0.5, 1.0, 2.5, 3.0, 5.0]), st.integers(2010, 2024)
    ratings = [(user, movie, draw(stars), f"{draw(years)}-03-0{user}") for user, movie in pairs]
    return ratings, draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))


@pytest.fixture(scope="module")
def scratch() -> duckdb.DuckDBPyConnection:
    """A warehouse to fill again and again."""
    return core_of()


@settings(max_examples=25, deadline=None)
@given(case=rated())
def test_part_is_what_sql_builds_from_those_ratings(
    scratch: duckdb.DuckDBPyConnection, case: tuple[list[Rating], list[bool]]
) -> None:
    ratings, keep = case
    part = features.snapshot(fill_core(scratch, ratings=ratings)).where(np.array(keep))
    kept = [rating for rating, stays in zip(ratings, keep, strict=True) if stays]
    built = features.snapshot(fill_core(scratch, ratings=kept or NO_RATINGS))
    if not kept:  # nothing to build from: the filler's rating of a movie is left out again
        built = built.where(np.zeros(built.ratings.nnz, dtype=bool))
    assert_same(replace(part, fingerprint=""), replace(built, fingerprint=""))


def test_all_ratings_are_the_snapshot() -> None:
    built = features.snapshot(core_of(MOVIES, USERS, RATINGS))
    assert_same(built.where(np.ones(3, dtype=bool)), built)
