"""Two versions side by side, by hand-made lists: what is the same, what came and what went."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from published_files import VERSIONS, publish_by_hand

from recengine.config import Home
from recengine.errors import BadInput, Damaged, NotReady
from recengine.outcomes import lists
from recengine.serving.comparison import Movie, compare
from recengine.serving.versions import STORAGE_VERSION, path_of, point_to

BEFORE, AFTER = VERSIONS
TITLES = {1: "One", 2: "Two", 3: "Three", 4: "Four", 5: "Five", 9: "Nine"}


def version_of(
    home: Home, version: str, ranked: dict[int, list[int]], titles: dict[int, str] = TITLES
) -> None:
    """Publish lists, each a user's movies by rank."""
    home.serving.mkdir(parents=True, exist_ok=True)
    rows = [(user, rank, movie) for user, movies in ranked.items() for rank, movie in enumerate(movies, 1)]
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{path_of(home, version)}' AS p (STORAGE_VERSION '{STORAGE_VERSION}')")
        con.execute("CREATE TABLE p.movies (movie_id BIGINT, title VARCHAR, year INTEGER)")
        con.executemany("INSERT INTO p.movies VALUES (?, ?, 1999)", list(map(list, titles.items())))
        con.execute(
            "CREATE TABLE p.recommendations (user_id BIGINT, rank INTEGER, movie_id BIGINT, model_id VARCHAR)"
        )
        con.executemany("INSERT INTO p.recommendations VALUES (?, ?, ?, 'm')", list(map(list, rows)))
        con.execute("DETACH p")
    point_to(home, version)


@pytest.fixture
def two(tmp_path: Path) -> Home:
    """User 10 as before, 20 in another order, 30 with two others of three, 40 gone, 50 new; longer lists are cut."""
    home = Home.at(tmp_path / "home")
    version_of(home, BEFORE, {10: [1, 2, 3], 20: [1, 2, 3], 30: [1, 2, 9], 40: [9, 1, 2]})
    titles = {movie: title for movie, title in TITLES.items() if movie != 9}
    after = {10: [1, 2, 3, 5], 20: [2, 1, 3, 5], 30: [4, 1, 3], 50: [4, 2]}
    version_of(home, AFTER, after, titles)
    return home


def test_what_differs(two: Home) -> None:
    found = compare(two)
    assert (found.before, found.after, found.rows) == (BEFORE, AFTER, 3)
    assert (found.users_before, found.users_after, found.users_in_both) == (4, 4, 3)
    assert (found.users_changed, found.users_reordered) == (1, 1)
    assert found.overlap == pytest.approx((1 + 1 + 1 / 3) / 3)
    assert (found.movies_in, found.movies_out) == (1, 1)
    assert found.came == [Movie(movie_id=4, title="Four", year=1999, users=2)]
    assert found.went == [Movie(movie_id=9, title="Nine", year=1999, users=2)], (
        "a title that only the old file has"
    )


def test_the_other_way_round_and_against_what_readers_see(two: Home) -> None:
    assert [movie.movie_id for movie in compare(two, AFTER, BEFORE).came] == [9]
    assert compare(two, BEFORE).after == AFTER
    assert compare(two, movies=0).came == []
    assert compare(two, movies=0).movies_in == 1


def test_a_version_of_which_only_the_lists_are_kept(two: Home) -> None:
    whole = compare(two)
    lists.keep(two, BEFORE, path_of(two, BEFORE))
    path_of(two, BEFORE).unlink()
    found = compare(two)
    assert found.model_dump(exclude={"went"}) == whole.model_dump(exclude={"went"})
    assert found.went == [Movie(movie_id=9, title=None, year=None, users=2)]


def test_nobody_in_both(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    version_of(home, BEFORE, {1: [1]})
    version_of(home, AFTER, {2: [1]})
    found = compare(home)
    assert (found.overlap, found.users_in_both, found.movies_in, found.movies_out) == (None, 0, 0, 0)


def test_what_cannot_be_compared(two: Home, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"There is no version '1999'; choose one of {BEFORE}, {AFTER}."):
        compare(two, "1999")
    with pytest.raises(BadInput, match="would be compared with itself"):
        compare(two, AFTER)
    with pytest.raises(NotReady, match="Nothing is published yet"):
        compare(Home.at(tmp_path / "empty"))
    one = Home.at(tmp_path / "one")
    publish_by_hand(one, BEFORE)
    with pytest.raises(NotReady, match=f"{BEFORE} is the only version"):
        compare(one)


def test_a_damaged_version_is_one_sentence(two: Home) -> None:
    path_of(two, BEFORE).write_bytes(b"x" * 20_000)
    with pytest.raises(Damaged, match=BEFORE):
        compare(two)


def test_damaged_lists_are_one_sentence(two: Home) -> None:
    path = lists.keep(two, BEFORE, path_of(two, BEFORE))
    path_of(two, BEFORE).unlink()
    path.write_bytes(b"x" * 2_000)
    with pytest.raises(BadInput, match=f"The lists of version {BEFORE} are damaged"):
        compare(two)
