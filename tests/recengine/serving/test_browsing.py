"""What the page over the published file asks: each answer small, and what SELECTs of our own say."""

from __future__ import annotations

import pytest

from recengine.config import Home
from recengine.serving import browsing, queries


def test_users_are_found_by_how_their_ids_begin(published_home: Home) -> None:
    every = queries.sql(published_home, "SELECT user_key FROM users ORDER BY user_id")["user_key"].tolist()
    assert browsing.users(published_home)["user"].tolist() == every
    assert browsing.users(published_home, " 1")["user"].tolist() == [key for key in every if key[0] == "1"]
    assert browsing.users(published_home, "%").empty


def test_movies_are_found_by_a_part_of_their_titles(published_home: Home) -> None:
    titles = queries.sql(published_home, "SELECT title FROM movies ORDER BY ratings DESC, movie_id")["title"]
    some = titles[0][2:7]
    assert browsing.movies(published_home, some.upper())["title"].tolist() == [
        title for title in titles if some.lower() in title.lower()
    ]
    assert browsing.movies(published_home)["title"].tolist() == titles[: browsing.MOST].tolist()


def test_neighbours_and_the_popular(published_home: Home) -> None:
    movie = int(queries.sql(published_home, "SELECT min(movie_id) AS m FROM similar_movies")["m"][0])
    wanted = queries.sql(
        published_home, f"SELECT similar_movie_id FROM similar_movies WHERE movie_id = {movie} ORDER BY rank"
    )
    assert browsing.similar(published_home, movie)["movie_id"].tolist() == wanted["similar_movie_id"].tolist()
    segments = browsing.segments(published_home)
    assert segments[0] == "all"
    assert len(segments) == len(set(segments)) > 1
    popular = browsing.popular(published_home, "all")
    assert popular["rank"].tolist() == list(range(1, len(popular) + 1))
    assert popular["popularity"].between(0, 1).all()


def test_every_column_has_its_comment_beside_it(published_home: Home) -> None:
    comments = browsing.comments(published_home)
    assert {"recommendations", "publication", "recommendations_detailed"} <= set(comments["table_name"])
    assert comments["comment"].str.len().min() > 0


def test_no_outcomes_are_an_empty_table(published_home: Home) -> None:
    assert list(browsing.outcomes(published_home)) == ["day", "version", "users", "shown", "hits", "hit_rate"]


@pytest.mark.parametrize("most", [1, 3])
def test_an_answer_is_cut_off_in_its_own_order(published_home: Home, most: int) -> None:
    query = "SELECT movie_id FROM movies ORDER BY movie_id DESC"
    whole = queries.sql(published_home, query)
    assert queries.sql(published_home, query, most).equals(whole[:most])
