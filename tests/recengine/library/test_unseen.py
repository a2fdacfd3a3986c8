"""People whom the data does not know: their lists from a few ratings, without another fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import recengine
from recengine.library.unseen import unseen
from recengine.synthetic.generator import GeneratorConfig, generate

KNOBS: dict[str, dict[str, Any]] = {
    "popularity": {},
    "ease": {"ridge": 50.0},
    "sae": {"epochs": 3, "columns": "genres"},
    "hybrid": {"stars": {"sweeps": 40, "burn_in": 5}},
}

FIRST = "the first movie of the data"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> recengine.Dataset:
    """Ratings of 120 users, of whom nothing else is known."""
    folder = tmp_path_factory.mktemp("unseen") / "made"
    generate(folder, GeneratorConfig(layout="csv", users=120, movies=80, ratings=4_000, seed=3))
    return recengine.read(folder)


def ratings_of(data: recengine.Dataset, users: list[int]) -> pd.DataFrame:
    rows = data.snapshot.ratings[data.users_at(users)].tocoo()
    return pd.DataFrame(
        {"user": np.array(users)[rows.row], "movie": data.movie_labels[rows.col], "rating": rows.data}
    )


@pytest.mark.parametrize("model", KNOBS)
def test_a_known_user_s_ratings_give_the_known_user_s_list(data: recengine.Dataset, model: str) -> None:
    fitted = recengine.fit(data, model, **KNOBS[model])
    users = [100, 7, 31]
    expected = recengine.recommend(fitted, users)
    given = ratings_of(data, users).sample(frac=1, random_state=0)
    found = recengine.recommend(fitted, ratings=given.sort_values("user", key=lambda u: u.map(users.index)))
    pd.testing.assert_frame_equal(
        found.drop(columns="predicted_rating"), expected.drop(columns="predicted_rating"),
        check_dtype=False, rtol=1e-4, atol=1e-5,
    )  # fmt: skip
    apart = (found["predicted_rating"] - expected["predicted_rating"]).abs()
    # A chain draws every user's factors anew; the others' biases are the same half-step as in the fit.
    assert apart.mean() < (0.15 if model == "hybrid" else 1e-4)


def test_stars_follow_a_new_user_s_own(data: recengine.Dataset) -> None:
    fitted = recengine.fit(data, "hybrid", **KNOBS["hybrid"])
    movies = data.movie_labels[:8]
    stars = {
        given: recengine.recommend(fitted, ratings=dict.fromkeys(movies, given))["predicted_rating"].mean()
        for given in (1.0, 3.0, 5.0)
    }
    assert stars[1.0] + 0.3 < stars[3.0] < stars[5.0] - 0.3


def test_one_person_s_dict_is_a_table_without_users(data: recengine.Dataset) -> None:
    fitted = recengine.fit(data, "ease")
    given = {int(movie): 4.0 for movie in data.movie_labels[:3]}
    lists = recengine.recommend(fitted, n=5, ratings=given)
    assert lists["user_id"].isna().all()
    assert lists["rank"].tolist() == [1, 2, 3, 4, 5]
    assert not set(lists["movie_id"]) & set(given)
    table = pd.DataFrame({"itemId": list(given), "stars": 4.0})
    pd.testing.assert_frame_equal(recengine.recommend(fitted, n=5, ratings=table), lists)
    twice = pd.concat([table.assign(stars=1.0), table])
    pd.testing.assert_frame_equal(recengine.recommend(fitted, n=5, ratings=twice), lists)


def test_data_without_ratings_takes_what_somebody_took() -> None:
    data = recengine.read({"user": [1, 1, 2, 2, 3], "movie": [1, 2, 1, 3, 2]})
    lists = recengine.recommend(recengine.fit(data, "ease"), ratings={"movie": [3]})
    assert lists["movie_id"].tolist()[0] == 1
    assert lists["predicted_rating"].isna().all()
    assert unseen(data, {1: 5, 3: None})[1].ratings.toarray().tolist() == [[1, 0, 1]]


@pytest.mark.parametrize(
    ("ratings", "sentence"),
    [
        ({9_999: 3.0}, "There is no movie 9999 in the data"),
        ({FIRST: 9.0}, "The rating 9.0 is not on the data's scale; give one from 0.5 to 5"),
        ({FIRST: None}, "is not on the data's scale"),
        ({FIRST: "good"}, "The rating good is not on the data's scale"),
        ({}, "There is no rating of the new user"),
        ([1, 2], "The new user's ratings are a list"),
        (pd.DataFrame({"rating": [3.0]}), "lack movieId under any usual name; the columns are rating"),
    ],
)
def test_what_cannot_be_a_rating_is_one_sentence(
    data: recengine.Dataset, ratings: Any, sentence: str
) -> None:
    fitted = recengine.fit(data, "popularity")
    if FIRST in ratings:
        ratings = {data.movie_labels[0]: ratings[FIRST]}
    with pytest.raises(recengine.RecengineError) as told:
        recengine.recommend(fitted, ratings=ratings)
    assert sentence in str(told.value)
    with pytest.raises(recengine.RecengineError, match="ask for one of them"):
        recengine.recommend(fitted, users=[1], ratings={1: 3.0})
