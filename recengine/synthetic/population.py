"""The people and the movies of a generated dataset: who they are, what they like, what they are like.

Tastes are vectors: a user's and a movie's dot product says how much more likely than average the user is
to watch the movie. The first 18 places are genres, the next is the movie's era, the rest have no name.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GENRES = (
    "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
OCCUPATIONS = (
    "administrator", "artist", "doctor", "educator", "engineer", "entertainment", "executive", "healthcare",
    "homemaker", "lawyer", "librarian", "marketing", "none", "other", "programmer", "retired", "salesman",
    "scientist", "student", "technician", "writer",
)  # fmt: skip
HIDDEN_TASTES = 4
TASTES = len(GENRES) + 1 + HIDDEN_TASTES
FIRST_YEAR = 1925

# What the groups like, in log-odds of watching; the tests check that the ratings show it.
WOMEN_LIKE = {
    "Romance": 0.6, "Musical": 0.5, "Children's": 0.4, "Drama": 0.3, "Animation": 0.2,
    "Action": -0.4, "Sci-Fi": -0.4, "War": -0.4, "Western": -0.4, "Horror": -0.3, "Crime": -0.2,
}  # fmt: skip
FIFTEEN_YEARS_OLDER_LIKE = {
    "Drama": 0.25, "War": 0.3, "Western": 0.4, "Film-Noir": 0.35, "Musical": 0.2, "Mystery": 0.2,
    "Horror": -0.4, "Animation": -0.35, "Comedy": -0.15, "Fantasy": -0.2, "Action": -0.2,
}  # fmt: skip
OCCUPATIONS_LIKE = {
    "artist": {"Film-Noir": 0.6, "Documentary": 0.5, "Animation": 0.3},
    "doctor": {"Drama": 0.3, "Mystery": 0.3},
    "educator": {"Drama": 0.3, "Documentary": 0.5, "Children's": 0.2},
    "engineer": {"Sci-Fi": 0.5, "Action": 0.2, "War": 0.2},
    "entertainment": {"Musical": 0.5, "Comedy": 0.3},
    "executive": {"Thriller": 0.3, "Crime": 0.3},
    "homemaker": {"Children's": 0.7, "Romance": 0.3},
    "lawyer": {"Crime": 0.5, "Mystery": 0.3},
    "librarian": {"Mystery": 0.5, "Film-Noir": 0.4, "Documentary": 0.3},
    "programmer": {"Sci-Fi": 0.7, "Fantasy": 0.5, "Animation": 0.2},
    "retired": {"Western": 0.5, "War": 0.3},
    "scientist": {"Sci-Fi": 0.6, "Documentary": 0.6},
    "student": {"Comedy": 0.3, "Horror": 0.4},
    "technician": {"Action": 0.4, "Sci-Fi": 0.3},
    "writer": {"Film-Noir": 0.5, "Drama": 0.3, "Mystery": 0.3},
}  # fmt: skip
OLDER_PEOPLE_LIKE_OLDER_MOVIES = -0.25

_GENRE_SHARE = {
    "Action": 0.13, "Adventure": 0.07, "Animation": 0.04, "Children's": 0.05, "Comedy": 0.25, "Crime": 0.06,
    "Documentary": 0.05, "Drama": 0.30, "Fantasy": 0.03, "Film-Noir": 0.015, "Horror": 0.07, "Musical": 0.03,
    "Mystery": 0.03, "Romance": 0.09, "Sci-Fi": 0.06, "Thriller": 0.09, "War": 0.03, "Western": 0.02,
}  # fmt: skip
_GENRES_TOGETHER = (
    ("Animation", "Children's"), ("Children's", "Adventure"), ("Children's", "Musical"),
    ("Action", "Adventure"), ("Action", "Thriller"), ("Action", "Sci-Fi"), ("Action", "War"),
    ("Drama", "War"), ("Drama", "Romance"), ("Comedy", "Romance"), ("Crime", "Thriller"),
    ("Crime", "Film-Noir"), ("Mystery", "Thriller"), ("Mystery", "Film-Noir"), ("Horror", "Thriller"),
    ("Horror", "Sci-Fi"), ("Fantasy", "Adventure"),
)  # fmt: skip
_GENRE_NUMBER_SHARE = (0.45, 0.33, 0.17, 0.05)  # one, two, three, four genres
_TOGETHER_BOOST = 8.0
_OWN_GENRE_SPREAD = 0.75  # of a person around their group, per genre
_HIDDEN_SPREAD = 1.0
_ERA_SPREAD = 0.35
_USER_BIAS_SPREAD = 0.42  # stars
_MOVIE_BIAS_SPREAD = 0.55  # stars
_OCCUPATION_SHARE = {"student": 0.20, "educator": 0.10, "other": 0.11, "administrator": 0.08,
                     "programmer": 0.07, "engineer": 0.07, "retired": 0.02}  # fmt: skip
_USUAL_OCCUPATION_SHARE = 0.024
_WOMEN_SHARE = {"homemaker": 0.9, "healthcare": 0.65, "librarian": 0.55, "engineer": 0.08, "programmer": 0.1,
                "technician": 0.08, "retired": 0.15}  # fmt: skip
_USUAL_WOMEN_SHARE = 0.32


@dataclass(frozen=True)
class Users:
    """U people.

    Attributes
    ----------
    female : ndarray of bool, shape (U,)
    age : ndarray of int64, shape (U,)
        Years.
    occupation : ndarray of int64, shape (U,)
        Index into ``OCCUPATIONS``.
    zip_code : ndarray of int64, shape (U,)
        0 to 99,999.
    taste : ndarray of float32, shape (U, TASTES)
    bias : ndarray of float32, shape (U,)
        Stars above or below the average rater.
    halves : ndarray of float32, shape (U,)
        How often the person bothers to give half stars, 0 to 1.
    """

    female: NDArray[np.bool_]
    age: NDArray[np.int64]
    occupation: NDArray[np.int64]
    zip_code: NDArray[np.int64]
    taste: NDArray[np.float32]
    bias: NDArray[np.float32]
    halves: NDArray[np.float32]


@dataclass(frozen=True)
class Movies:
    """M movies.

    Attributes
    ----------
    movie_id : ndarray of int64, shape (M,)
        Ascending.
    released : ndarray of datetime64[D], shape (M,)
    genres : ndarray of bool, shape (M, 18)
        Columns as ``GENRES``; a row may be empty ("no genres listed").
    taste : ndarray of float32, shape (TASTES, M)
    bias : ndarray of float32, shape (M,)
        Stars above or below the average movie.
    appeal : ndarray of float32, shape (M,)
        Orders the movies from the least to the most watched; better movies tend to have more.
    """

    movie_id: NDArray[np.int64]
    released: NDArray[np.datetime64]
    genres: NDArray[np.bool_]
    taste: NDArray[np.float32]
    bias: NDArray[np.float32]
    appeal: NDArray[np.float32]

    @property
    def year(self) -> NDArray[np.int64]:
        """Release year, int64 of shape (M,)."""
        return self.released.astype("datetime64[Y]").astype(np.int64) + 1970


def draw_users(users: int, rng: np.random.Generator) -> Users:
    """Draw people whose occupation fits their age and whose taste fits their group, plus their own."""
    age = np.clip(np.round(14 + rng.gamma(2.6, 7.5, users)), 7, 80).astype(np.int64)
    occupation = _draw_occupations(age, rng)
    women_share = np.array([_WOMEN_SHARE.get(name, _USUAL_WOMEN_SHARE) for name in OCCUPATIONS])
    female = rng.random(users) < women_share[occupation]
    older = (age - 33.5) / 15
    likes = np.stack([_per_genre(OCCUPATIONS_LIKE.get(name, {})) for name in OCCUPATIONS])
    by_genre = np.where(female, 0.7, -0.3)[:, None] * _per_genre(WOMEN_LIKE) + likes[occupation]
    by_genre += older[:, None] * _per_genre(FIFTEEN_YEARS_OLDER_LIKE)
    by_genre += rng.normal(0, _OWN_GENRE_SPREAD, by_genre.shape)
    era = older * OLDER_PEOPLE_LIKE_OLDER_MOVIES + rng.normal(0, _ERA_SPREAD, users)
    hidden = rng.normal(0, _HIDDEN_SPREAD, (users, HIDDEN_TASTES))
    return Users(
        female=female,
        age=age,
        occupation=occupation,
        zip_code=rng.integers(1_000, 100_000, users),
        taste=np.column_stack([by_genre, era, hidden]).astype(np.float32),
        bias=rng.normal(0, _USER_BIAS_SPREAD, users).astype(np.float32),
        halves=rng.beta(0.6, 1.0, users).astype(np.float32),
    )


def draw_movies(
    movies: int,
    last_release: np.datetime64,
    *,
    no_genre_share: float,
    id_gap: float,
    rng: np.random.Generator,
) -> Movies:
    """Draw movies: release dates up to ``last_release`` (mostly recent), genres that go together, quality.

    ``no_genre_share`` of them have no genre; their ids rise by ``id_gap`` on average (1: without gaps).
    """
    oldest = np.datetime64(f"{FIRST_YEAR}-01-01")
    reach = (last_release - oldest).astype(np.int64)
    recent = rng.exponential(10 * 365.25, movies)
    days_before = np.where(rng.random(movies) < 0.85, recent, rng.random(movies) * reach)
    released = last_release - np.minimum(days_before, reach).astype("timedelta64[D]")
    genres = _draw_genres(movies, rng)
    genres[rng.random(movies) < no_genre_share] = False
    quality = rng.normal(size=movies)
    era = np.clip((days_before.mean() - days_before) / max(days_before.std(), 1.0), -2.5, 1.0)
    hidden = rng.normal(0, 1, (movies, HIDDEN_TASTES)) / np.sqrt(2)
    by_genre = genres / np.sqrt(np.maximum(genres.sum(axis=1, keepdims=True), 1))
    gaps = rng.geometric(1 / id_gap, movies) if id_gap > 1 else np.ones(movies, dtype=np.int64)
    return Movies(
        movie_id=np.cumsum(gaps),
        released=released,
        genres=genres,
        taste=np.ascontiguousarray(np.column_stack([by_genre, era, hidden]).T, dtype=np.float32),
        bias=(_MOVIE_BIAS_SPREAD * quality).astype(np.float32),
        appeal=(0.6 * quality + 0.8 * rng.normal(size=movies)).astype(np.float32),
    )


def _per_genre(likes: dict[str, float]) -> NDArray[np.float64]:
    return np.array([likes.get(genre, 0.0) for genre in GENRES])


def _draw_occupations(age: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    share = np.array([_OCCUPATION_SHARE.get(name, _USUAL_OCCUPATION_SHARE) for name in OCCUPATIONS])
    fits = np.tile(share, (len(age), 1))
    fits[:, OCCUPATIONS.index("student")] *= np.where(age < 25, 12.0, 0.3)
    fits[:, OCCUPATIONS.index("retired")] *= np.where(age > 57, 30.0, 0.0)
    return np.asarray(np.argmin(rng.exponential(size=fits.shape) / np.maximum(fits, 1e-9), axis=1))


def _draw_genres(movies: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A first genre by its share, then others that go with it, each drawn as an exponential race."""
    share = _per_genre(_GENRE_SHARE) / sum(_GENRE_SHARE.values())
    affinity = np.ones((len(GENRES), len(GENRES)))
    for one, other in _GENRES_TOGETHER:
        i, j = GENRES.index(one), GENRES.index(other)
        affinity[i, j] = affinity[j, i] = _TOGETHER_BOOST
    first = rng.choice(len(GENRES), movies, p=share)
    race = rng.exponential(size=(movies, len(GENRES))) / (share * affinity[first])
    race[np.arange(movies), first] = 0.0
    number = 1 + rng.choice(len(_GENRE_NUMBER_SHARE), movies, p=_GENRE_NUMBER_SHARE)
    return race.argsort(axis=1).argsort(axis=1) < number[:, None]
