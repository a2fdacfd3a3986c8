"""The public library: what is read, fitted and listed, against the nightly run's own tables."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import engine_homes
import pandas as pd
import pyarrow as pa
import pytest

import recengine
from recengine import publish, score
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.knobs.stages import ScoreConfig
from recengine.serving import queries
from recengine.warehouse.connection import warehouse

QUICK = {"stars": {"sweeps": 8, "burn_in": 2}}


@pytest.fixture(scope="module")
def hybrid_home(loaded_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose lists are a small hybrid's."""
    home = engine_homes.copy_of(loaded_home, tmp_path_factory.mktemp("hybrid") / "home")
    [folder] = home.snapshots.iterdir()
    model_id = engine_homes.trained(home, folder, "hybrid", **QUICK)
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, model_id, ScoreConfig(top_n=10, similar_n=5))
        publish.publish(con, home)
    return home


@pytest.fixture(scope="module")
def data(loaded_home: Home) -> recengine.Dataset:
    return recengine.read(loaded_home.sources / "generated")


@pytest.fixture(scope="module")
def ease(data: recengine.Dataset) -> recengine.Recommender:
    return recengine.fit(data, "ease")


def published(home: Home, table: str, columns: str) -> pd.DataFrame:
    return queries.sql(home, f"SELECT {columns} FROM {table} ORDER BY 1, 2")


def test_a_folder_gives_the_published_lists(hybrid_home: Home, data: recengine.Dataset) -> None:
    lists = recengine.recommend(recengine.fit(data, **QUICK))
    expected = published(
        hybrid_home, "recommendations", "* EXCLUDE (model_id, generated_at, relevance, variant)"
    )
    pd.testing.assert_frame_equal(lists, expected, check_exact=True)
    near = published(hybrid_home, "similar_movies", "* EXCLUDE (similarity)")
    pd.testing.assert_frame_equal(recengine.similar(data, n=5), near, check_exact=True)


def test_a_home_gives_its_published_lists(hybrid_home: Home) -> None:
    recommender = recengine.load(hybrid_home.root)
    assert recommender.model.name == "hybrid"
    expected = published(
        hybrid_home, "recommendations", "* EXCLUDE (model_id, generated_at, relevance, variant)"
    )
    pd.testing.assert_frame_equal(recengine.recommend(recommender), expected, check_exact=True)


def frames_of(home: Home) -> dict[str, pd.DataFrame]:
    """The generated release as a person would hold it."""
    with warehouse(home.warehouse) as con:
        return {
            "ratings": con.execute("SELECT user_id, movie_id, rating, rated_at AS timestamp FROM core.ratings").df(),
            "movies": con.execute("SELECT movie_id, title, genres, year FROM core.movies").df(),
            "users": con.execute("SELECT user_id, gender, age, occupation, zip FROM core.users").df(),
        }  # fmt: skip


class OnlyTheProtocol:
    """A table of which nothing is known but that it speaks the Arrow PyCapsule protocol, as Polars' does."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._table = pa.Table.from_pandas(frame)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("kind", [pd.DataFrame, pa.Table.from_pandas, OnlyTheProtocol])
def test_frames_give_the_matrices_of_their_files(
    data: recengine.Dataset, loaded_home: Home, kind: Any
) -> None:
    given = {name: kind(frame) for name, frame in frames_of(loaded_home).items()}
    read = recengine.read(given["ratings"], movies=given["movies"], users=given["users"], scale="1-5/1")
    assert_same_matrices(read.snapshot, data.snapshot)
    pd.testing.assert_frame_equal(read.users, data.users)
    pd.testing.assert_frame_equal(read.movies, data.movies)


def assert_same_matrices(one: Snapshot, other: Snapshot) -> None:
    assert (one.user_columns, one.movie_columns, one.scale) == (
        other.user_columns,
        other.movie_columns,
        other.scale,
    )
    for name in ("ratings", "user_features", "movie_features", "genre_counts"):
        assert (getattr(one, name) != getattr(other, name)).nnz == 0, name
    for name in ("rated_at", "registration_months", "user_ids", "movie_ids"):
        pd.testing.assert_series_equal(pd.Series(getattr(one, name)), pd.Series(getattr(other, name)))


def test_a_zip_is_read_and_nothing_is_left(
    data: recengine.Dataset, loaded_home: Home, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for file in (loaded_home.sources / "generated").iterdir():
            archive.write(file, f"mine/{file.name}")
    assert_same_matrices(recengine.read(str(tmp_path / "mine.zip")).snapshot, data.snapshot)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.zip"]


def test_some_users_have_the_lists_of_all_in_the_order_asked(ease: recengine.Recommender) -> None:
    every = recengine.recommend(ease, n=3)
    some = recengine.recommend(ease, users=[30, 4, 30], n=3)
    assert some["user_id"].tolist() == [30, 30, 30, 4, 4, 4]
    for user in (4, 30):
        mine = every[every["user_id"] == user].reset_index(drop=True)
        pd.testing.assert_frame_equal(some[some["user_id"] == user].reset_index(drop=True), mine)
    assert recengine.recommend(ease, users=4, n=3).equals(some.iloc[3:].reset_index(drop=True))


def test_neighbours_of_some_movies_are_those_of_all(
    data: recengine.Dataset, ease: recengine.Recommender
) -> None:
    every = recengine.similar(data, n=4)
    some = recengine.similar(ease, [9, 3], n=4)
    parts = [every[every["movie_id"] == movie] for movie in (9, 3)]
    pd.testing.assert_frame_equal(some, pd.concat(parts).reset_index(drop=True))


TEXTS = pd.DataFrame(
    {
        "customer": ["eve", "eve", "ben", "ben", "amy", "amy"],
        "item": ["tt1", "tt2", "tt1", "tt3", "tt2", "tt3"],
        "stars": [5, 3, 4, 2, 1, 5],
    }
)  # fmt: skip


def test_ids_are_the_data_s_own_texts() -> None:
    data = recengine.read(TEXTS)
    lists = recengine.recommend(recengine.fit(data, "popularity"), users=["eve", "amy"])
    assert lists[["user_id", "movie_id", "rank"]].to_numpy().tolist() == [
        ["eve", "tt3", 1],
        ["amy", "tt1", 1],
    ]
    assert set(recengine.similar(data, "tt1")["similar_movie_id"]) == {"tt2", "tt3"}


def test_categories_are_the_texts_they_stand_for() -> None:
    views = pa.array(["eve", "ben", "amy"]).cast(pa.string_view())  # as Polars hands categories over
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 0, 1, 1, 2, 2], pa.uint32()), views)
    table = pa.table({"customer": codes, "item": pd.Categorical(TEXTS["item"]), "stars": TEXTS["stars"]})
    pd.testing.assert_frame_equal(recengine.read(table).users, recengine.read(TEXTS).users)
    assert set(recengine.read(table).movies["movie_id"]) == {"tt1", "tt2", "tt3"}


def test_texts_that_read_as_numbers_stay_texts() -> None:
    numbered = TEXTS.assign(customer=TEXTS["customer"].map({"eve": "5", "ben": "7", "amy": "30"}))
    data = recengine.read(numbered)
    assert data.users["user_id"].tolist() == ["5", "7", "30"]
    assert recengine.recommend(recengine.fit(data, "popularity"), "30")["user_id"].tolist() == ["30"]
    with pytest.raises(recengine.RecengineError, match=r"'007' would be read as the number 7"):
        recengine.read(numbered.replace({"customer": {"7": "007"}}))


def test_ids_of_one_film_are_one_movie() -> None:
    movies = {"movie": [1, 2, 3], "title": ["Ran", "Heat", "ran"], "year": [1985, 1995, 1985]}
    data = recengine.read({"user": [1, 2, 2], "movie": [3, 1, 2], "rating": [4, 5, 3]}, movies=movies)
    assert data.movies["film_id"].tolist() == [1, 2, 1]
    assert data.movies_at([3, 1]).tolist() == [0, 0]
    assert recengine.similar(data, 3)[["movie_id", "similar_movie_id"]].to_numpy().tolist() == [[3, 2]]


GOOD = {"user": [1, 2], "movie": [1, 2], "rating": [5, 4]}


@pytest.mark.parametrize(
    ("source", "others", "sentence"),
    [
        (
            {"user": [1], "rating": [5]},
            {},
            "lacks movieId under any usual name; its columns are user, rating",
        ),
        ({"user": [], "movie": [], "rating": []}, {}, "The table of ratings has no row"),
        (GOOD | {"user": [1, None]}, {}, "1 of 2 ratings have no user"),
        (GOOD, {"movies": {"movie": [1]}}, "The table of movies lacks title"),
        (GOOD, {"users": [1, 2]}, "The users are a list; give a pandas, Polars or Arrow table"),
        (GOOD | {"rating": [None, None]}, {}, "more than the allowed 1.0%"),
        (
            GOOD | {"rating": [None, None]},
            {"max_bad_share": 1.0},
            "The table: its ratings files hold no usable rating",
        ),
        (GOOD, {"scale": "high"}, "scale"),
        ("/no/such/folder", {}, "/no/such/folder is no folder; point source at"),
        ("somewhere", {"users": GOOD}, "a folder has files of its own"),
        (3, {}, "The source is a int; give a folder, a zip or a table of ratings"),
    ],
)
def test_bad_data_is_one_sentence(source: Any, others: dict[str, Any], sentence: str) -> None:
    with pytest.raises(recengine.RecengineError) as told:
        recengine.read(source, **others)
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)
    assert "recengine-read-" not in str(told.value), "a folder that nobody knows"


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (lambda m: recengine.recommend(m, users=[4, 999]), "There is no user 999 in the data"),
        (lambda m: recengine.recommend(m, n=0), "ask for at least 1"),
        (lambda m: recengine.similar(m, 999), "There is no movie 999 in the data"),
        (lambda m: recengine.fit(m.dataset, "hybird"), "hybird"),
        (lambda m: recengine.fit(m.dataset, "ease", ridges=3), "There is no knob ridges; did you mean ridge?"),
        (lambda m: recengine.evaluate(m.dataset, m, ridge=3), "A Recommender has its knobs"),
        (lambda m: recengine.evaluate(m.dataset, "ease", protocol="files"), "There is no protocol 'files'"),
        (lambda m: recengine.load("/no/such/home"), "Nothing is published under /no/such/home"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(ease: recengine.Recommender, asked: Any, sentence: str) -> None:
    with pytest.raises(recengine.RecengineError) as told:
        asked(ease)
    assert sentence in str(told.value)


def test_a_recommender_is_judged_by_its_recipe_fitted_anew(data: recengine.Dataset) -> None:
    fitted = recengine.fit(data, "ease", ridge=50.0)
    judged = recengine.evaluate(data, fitted, protocol="random", ks=[5])
    again = recengine.evaluate(data, "ease", protocol="random", ks=[5], ridge=50.0)
    other = recengine.evaluate(data, "ease", protocol="random", ks=[5])
    assert judged.metrics == again.metrics != other.metrics
    assert 0 < judged.metrics["ndcg@5"] < 0.9


def test_data_that_newer_data_replaced_is_named(hybrid_home: Home, tmp_path: Path) -> None:
    home = engine_homes.copy_of(hybrid_home, tmp_path / "home")
    [folder] = home.snapshots.iterdir()
    folder.rename(folder.with_name("newer"))
    with pytest.raises(recengine.RecengineError, match="was fitted on is no longer under"):
        recengine.load(home.root)


def test_the_package_is_imported_lazily_and_every_name_is_there() -> None:
    code = "import recengine, sys; print(sorted({'torch', 'duckdb', 'pandas', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert set(recengine.__all__) <= set(dir(recengine))
    assert all(getattr(recengine, name) is not None for name in recengine.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        recengine.nothing  # noqa: B018
