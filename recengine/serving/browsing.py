"""What a person looks at in the published file, one question at a time; every answer is small."""

from __future__ import annotations

import pandas as pd

from recengine.config import Home
from recengine.serving.queries import serving
from recengine.warehouse import sqlfiles

MOST = 200  # rows of a list to choose from


def _asked(home: Home, name: str, **parameters: object) -> pd.DataFrame:
    with serving(home) as con:
        return sqlfiles.run(con, f"browse/{name}", parameters).df()


def users(home: Home, text: str = "") -> pd.DataFrame:
    """Users whose id begins with a text.

    Returns
    -------
    DataFrame
        Columns user (the id as the source writes it), user_id, gender, age, occupation, ratings, last_rated_at; at
        most 200 rows.
    """
    return _asked(home, "users", text=text.strip(), most=MOST)


def movies(home: Home, text: str = "") -> pd.DataFrame:
    """Movies whose title holds a text, the most rated first.

    Returns
    -------
    DataFrame
        Columns movie_id, title, year, genres, ratings, mean_rating; at most 200 rows.
    """
    return _asked(home, "movies", text=text.strip(), most=MOST)


def similar(home: Home, movie_id: int) -> pd.DataFrame:
    """A movie's neighbours: rank, movie_id, title, year, genres, similarity (0 to 1)."""
    return _asked(home, "similar", movie_id=movie_id)


def segments(home: Home) -> list[str]:
    """Of whom popular movies are published: all, and each gender and age band."""
    with serving(home) as con:
        found = con.execute("SELECT DISTINCT segment FROM popular_movies ORDER BY segment <> 'all', segment")
        return [str(name) for (name,) in found.fetchall()]


def popular(home: Home, segment: str) -> pd.DataFrame:
    """A segment's popular movies: rank, movie_id, title, year, genres, popularity (0 to 1)."""
    return _asked(home, "popular", segment=segment)


def outcomes(home: Home) -> pd.DataFrame:
    """What came of the lists: day, version, users, shown, hits, hit_rate (0 to 1); the newest 200."""
    return _asked(home, "outcomes", most=MOST)


def comments(home: Home) -> pd.DataFrame:
    """Every column of the published tables and views: table_name, column_name, data_type, comment."""
    return _asked(home, "comments")
