"""Films under several ids are one film: for what is seen, for lists, for neighbours and for held-out ratings."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest
from engine_homes import USERS, Movie, Rating, core_of, fill_core
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_frames import load, warehouse_in_memory
from test_audits import publish_into_memory

from recengine import features, publish, score
from recengine.config import Home
from recengine.evaluation import runner as judging

T0 = "2020-01-01 00:00:00"
LATER = "2020-06-01 00:00:00"

# One film under 10, 12 and 40; another of the same title and another year; what has no year is nobody's twin.
MOVIES: list[Movie] = [
    (10, "Chasing Amy (1997)", 1997, ["Drama"]),
    (11, "Chasing Amy (2021)", 2021, ["Drama"]),
    (12, "chasing  amy (1997) ", 1997, []),
    (20, "Untitled", None, []),
    (21, "Untitled", None, []),
    (30, "Other, The (1990)", 1990, ["Comedy"]),
    (31, "Part 1 (1990)", 1990, ["Comedy"]),
    (40, "Chasing Amy", 1997, ["Comedy"]),
]
RATINGS: list[Rating] = [
    (1, 12, 2.0, T0),  # the film under its second id only
    (1, 30, 4.0, T0),
    (2, 10, 5.0, T0),  # under two ids: the newer one counts, whatever its id
    (2, 40, 1.0, LATER),
    (2, 11, 3.0, T0),
    (3, 12, 3.0, T0),  # in one second: the higher
    (3, 10, 4.0, T0),
    (3, 30, 4.0, T0),
]


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    return core_of(movies=MOVIES, ratings=RATINGS)


def test_title_and_year_make_a_film(con: duckdb.DuckDBPyConnection) -> None:
    built = features.snapshot(con)
    assert con.execute("FROM features.twins").fetchall() == [(12, 10), (40, 10)]
    assert built.movie_ids.tolist() == [10, 11, 20, 21, 30, 31]


def test_the_newest_rating_of_a_film_counts(con: duckdb.DuckDBPyConnection) -> None:
    built = features.snapshot(con)
    stars = built.ratings.toarray()
    assert stars[:, [0, 1, 4]].tolist() == [[2, 0, 4], [1, 3, 0], [4, 0, 4]]
    assert built.ratings.nnz == 6  # no film twice for one user
    genres = dict(
        zip([name for name in built.movie_columns if name.startswith("genre=")], range(9), strict=False)
    )
    assert built.genre_counts.toarray()[2, genres["genre=Drama"]] == 1  # counted once


def test_published_tables_know_films(con: duckdb.DuckDBPyConnection) -> None:
    publish_into_memory(con, 6)
    publish.audit(con)
    lists = con.execute(
        "SELECT user_id, list(movie_id ORDER BY movie_id) FROM published.recommendations GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert lists == [(1, [11, 20, 21, 31]), (2, [20, 21, 30, 31]), (3, [11, 20, 21, 31])]
    popular = con.execute(
        "SELECT movie_id, score FROM published.popular_movies WHERE segment = 'all' ORDER BY rank"
    )
    assert popular.fetchall()[:2] == [(10, 1.0), (30, pytest.approx(2 / 3))]
    films = con.execute(
        "SELECT movie_id, film_id, ratings FROM published.movies WHERE ratings = 3"
    ).fetchall()
    assert films == [(10, 10, 3), (12, 10, 3), (40, 10, 3)]


def test_neighbours_by_every_id_of_a_film(con: duckdb.DuckDBPyConnection) -> None:
    publish_into_memory(con, 6)
    rows = con.execute(
        "SELECT movie_id, similar_movie_id FROM published.similar_movies ORDER BY movie_id, rank"
    )
    found: dict[int, list[int]] = {}
    for movie, other in rows.fetchall():
        found.setdefault(movie, []).append(other)
    assert found == {10: [30, 11], 11: [10], 12: [30, 11], 30: [10], 40: [30, 11]}


def test_without_twins_nothing_changes() -> None:
    con = core_of()
    built = features.snapshot(con)
    assert con.execute("SELECT count(*) FROM features.twins").fetchall() == [(0,)]
    assert (
        con.execute("FROM features.ratings ORDER BY ALL").fetchall()
        == con.execute("FROM core.ratings ORDER BY ALL").fetchall()
    )
    assert score.similar_movies(built, 2)["movie_id"].to_pylist() == [10, 20]


def test_a_test_file_holds_out_the_film(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "movies.csv").write_text(
        "movieId,title,genres\n1,A (1990),Drama\n2,A (1990),Drama\n3,B (1991),Drama\n"
    )
    header = "userId,movieId,rating,timestamp\n"
    (folder / "ratings.csv").write_text(header + "1,3,4,1000000000\n")
    (folder / "train.csv").write_text(header + "1,3,4,1000000000\n1,1,5,1000000001\n2,1,3,1000000000\n")
    (folder / "test.csv").write_text(header + "1,2,2,1000000000\n2,3,4,1000000000\n")
    config = judging.EvaluateConfig(
        source=folder, protocol="files", train=folder / "train.csv", test=folder / "test.csv"
    )
    split = judging.read_split(Home.at(tmp_path / "home"), config)
    # User 1 rates film A in both files: it is held out, with its newest rating, and nothing of it is trained on.
    assert np.column_stack([split.test.user_index, split.test.movie_index]).tolist() == [[0, 0], [1, 1]]
    assert split.test.rating.tolist() == [5, 4]
    assert split.train.ratings.toarray().tolist() == [[0, 4], [3, 0]]


@pytest.fixture(scope="module")
def scratch() -> duckdb.DuckDBPyConnection:
    return core_of()


TITLES = st.lists(st.sampled_from(["A (1990)", "a  (1990)", "A (1991)", "B (1990)"]), min_size=2, max_size=7)
PAIRS = st.sets(st.tuples(st.integers(1, 3), st.integers(1, 7)), min_size=1)


@settings(max_examples=10, deadline=None)
@given(titles=TITLES, pairs=PAIRS)
def test_no_list_knows_a_title_twice_or_a_seen_one(
    scratch: duckdb.DuckDBPyConnection, titles: list[str], pairs: set[tuple[int, int]]
) -> None:
    films = {movie: title.lower().replace("  ", " ") for movie, title in enumerate(titles, start=1)}
    movies: list[Movie] = [
        (movie, title, int(title[-5:-1]), []) for movie, title in enumerate(titles, start=1)
    ]
    seen = {pair for pair in pairs if pair[1] in films} | {(1, 1)}
    publish_into_memory(
        fill_core(scratch, movies=movies, ratings=[(*pair, 4.0, T0) for pair in sorted(seen)]), 7
    )
    try:
        publish.audit(scratch)
        lists = scratch.execute("SELECT user_id, movie_id FROM published.recommendations").fetchall()
        for user, *_ in USERS:
            listed = [films[movie] for owner, movie in lists if owner == user]
            rated = {films[movie] for owner, movie in seen if owner == user}
            assert sorted(listed) == sorted(set(films.values()) - rated)
        pairs_of_neighbours = scratch.execute(
            "SELECT movie_id, similar_movie_id FROM published.similar_movies"
        )
        assert all(films[movie] != films[other] for movie, other in pairs_of_neighbours.fetchall())
    finally:
        scratch.execute("DETACH published")


@pytest.mark.real_data
def test_ml_100k_has_eighteen_films_under_two_ids(datasets: Path) -> None:
    con = warehouse_in_memory()
    load(con, datasets / "ml-100k")
    built = features.snapshot(con)
    assert (built.movies, built.ratings.nnz) == (1682 - 18, 100_000 - 307)
    publish_into_memory(con, 10)
    publish.audit(con)
    twice = con.execute(
        "SELECT r.user_id, m.title FROM published.recommendations AS r JOIN published.movies AS m USING (movie_id) "
        "JOIN published.movies AS other ON other.title = m.title AND other.movie_id <> m.movie_id "
        "JOIN core.ratings AS x ON x.user_id = r.user_id AND x.movie_id = other.movie_id"
    )
    assert twice.fetchall() == []
