"""A feature snapshot: everything a model may see, as arrays in a folder that any process can map.

The features stage writes it from DuckDB; training, scoring and evaluation read it and never open the
warehouse, so a shard of the work can run in another process or on another host.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from recengine.runtime import durable

FIVE_STARS = (1.0, 5.0)
GENRE_LIKED_FROM = 3.0  # the article counts a user's movies rated at least three stars, per genre
SHARD_RATINGS = 5_000_000  # 80 MB of ratings and their times
YEARS_PER_AGE = 100.0  # the column "age" is scaled so that 100 years are 1
SECONDS_PER_MONTH = 365.2425 / 12 * 86_400

# The groups of columns that every data set may have; a declared column never has such a name.
USER_GROUPS = ("age", "age_band", "gender", "occupation", "zip")
MOVIE_GROUPS = ("genre", "year", "year_bin")
DECLARED = "*"

_CSR_FIELDS = ("ratings", "genre_counts", "user_features", "movie_features")
_ARRAY_FIELDS = ("rated_at", "registration_months", "user_ids", "movie_ids")


@dataclass(frozen=True)
class Snapshot:
    """Ratings and features of U users and M movies, with dense indices in the order of their ids.

    Attributes
    ----------
    fingerprint : str
        Hash of the inputs; the same data gives the same fingerprint.
    dataset : str
        Name of the dataset the ratings come from.
    scale : tuple[float, float] or None
        Lowest and highest rating the data's scale allows; None for data that has no ratings but only who took
        what (every stored rating is 1 then, and nothing predicts stars).
    user_ids, movie_ids : ndarray of int64, shapes (U,) and (M,)
        The data's own ids, ascending. Movies nobody rated and users without ratings are included. A film under
        several ids is one movie here, with its lowest id.
    ratings : csr_array of float32, shape (U, M)
        Star ratings; a stored entry is a rating, rows sorted by movie.
    rated_at : ndarray of int64, shape (nnz,)
        Seconds since 1970 (UTC) of each stored rating, in the order of ``ratings.data``.
    genre_counts : csr_array of float32, shape (U, G)
        How many movies of each genre the user rated >= ``liked_from`` (the article's extra columns).
    registration_months : ndarray of float32, shape (U,)
        Months between the user's first rating and the newest rating in the data; NaN without ratings.
    user_features : csr_array of float32, shape (U, A)
        Attribute columns named by ``user_columns`` ("gender=F", "age", "age_band=25", "occupation=writer",
        "zip=9" ..., and those of declared attributes, "country=DE"). A = 0 where the data has no attributes.
    movie_features : csr_array of float32, shape (M, C)
        Columns named by ``movie_columns``: "genre=Drama" ..., "year_bin=1995" ..., "year" (scaled), and those of
        declared categories ("director=Lynch").
    liked_from : float
        The rating from which on a movie counts as liked: 3 of 1..5 stars, and its like on other scales.
    shard_ratings : int
        Ratings in a shard of users, about: see ``shards``.
    """

    fingerprint: str
    dataset: str
    scale: tuple[float, float] | None
    user_ids: NDArray[np.int64]
    movie_ids: NDArray[np.int64]
    ratings: csr_array
    rated_at: NDArray[np.int64]
    genre_counts: csr_array
    registration_months: NDArray[np.float32]
    user_features: csr_array
    movie_features: csr_array
    user_columns: tuple[str, ...]
    movie_columns: tuple[str, ...]
    liked_from: float = GENRE_LIKED_FROM
    shard_ratings: int = SHARD_RATINGS

    @property
    def users(self) -> int:
        """Number of users U."""
        return len(self.user_ids)

    @property
    def movies(self) -> int:
        """Number of movies M."""
        return len(self.movie_ids)

    @property
    def shards(self) -> list[slice]:
        """Ranges of users for work that is done shard by shard, at least one.

        A user belongs to the shard in which their first rating falls: shards hold ``shard_ratings`` and at most the
        rest of one user more, and do not change when users come behind them.
        """
        falls_in = np.asarray(self.ratings.indptr[:-1], dtype=np.int64) // self.shard_ratings
        starts = [0, *(np.flatnonzero(np.diff(falls_in)) + 1).tolist(), self.users]
        return [slice(first, last) for first, last in pairwise(starts)]

    @property
    def implicit(self) -> bool:
        """Whether the data has no ratings, only who took what."""
        return self.scale is None

    @property
    def star(self) -> float:
        """One star of five in the data's own points: what models tuned on stars measure by."""
        low, high = self.scale or FIVE_STARS
        return 1.0 if 4 <= high - low <= 5 else (high - low) / 4

    @property
    def rating_users(self) -> NDArray[np.int64]:
        """User index of every stored rating, int64 of shape (nnz,)."""
        return np.repeat(np.arange(self.users), np.diff(self.ratings.indptr))

    @property
    def interactions(self) -> csr_array:
        """Implicit feedback: 1.0 where a user rated a movie, whatever the stars; float32 of shape (U, M)."""
        return implicit_feedback(self.ratings)

    def article_attributes(self, users: slice = slice(None)) -> csr_array:
        """The article's columns of a user, unscaled: female, male, age in years, registration months.

        Parameters
        ----------
        users : slice
            Range of user indices, B users.

        Returns
        -------
        csr_array of float32, shape (B, 4)
            Narrower where the data has no gender or no age.
        """
        years = self.user_group("age")[users].toarray() * np.float32(YEARS_PER_AGE)
        months = np.nan_to_num(self.registration_months[users])
        return csr_array(
            hstack([self.user_group("gender")[users], np.rint(years), months[:, None]], dtype=np.float32)
        )

    def user_group(self, *groups: str) -> csr_array:
        """Columns of ``user_features`` whose name is a group or starts with ``group=``, shape (U, k).

        ``DECLARED`` stands for all attributes that the data's ``dataset.toml`` declares.
        """
        return self.user_features[:, columns_of(self.user_columns, groups, USER_GROUPS)]

    def movie_group(self, *groups: str) -> csr_array:
        """Columns of ``movie_features``, shape (M, k), as in ``user_group``; ``DECLARED`` are the categories."""
        return self.movie_features[:, columns_of(self.movie_columns, groups, MOVIE_GROUPS)]

    def where(self, keep: NDArray[np.bool_]) -> Self:
        """The snapshot as if only some ratings existed: what a split's training part may see.

        Parameters
        ----------
        keep : ndarray of bool, shape (nnz,)
            Which stored ratings stay, in the order of ``ratings.data``.

        Returns
        -------
        Snapshot
            Same users, movies and indices; genre counts and registration months are counted anew from
            the ratings that stay, so nothing of the rest leaks in.
        """
        per_user = np.bincount(self.rating_users[keep], minlength=self.users)
        indptr = np.concatenate([[0], np.cumsum(per_user)]).astype(self.ratings.indptr.dtype)
        entries = (self.ratings.data[keep], self.ratings.indices[keep], indptr)
        ratings = csr_array(entries, shape=self.ratings.shape)
        rated_at = self.rated_at[keep]
        return replace(
            self,
            fingerprint=f"{self.fingerprint}-{hashlib.sha256(np.packbits(keep).tobytes()).hexdigest()[:8]}",
            ratings=ratings,
            rated_at=rated_at,
            genre_counts=genre_counts(ratings, self.movie_group("genre"), self.liked_from),
            registration_months=registration_months(ratings, rated_at),
        )

    def of_users(self, users: NDArray[np.int64] | slice) -> Self:
        """The snapshot as if only some users existed, ascending (B,), numbered anew; all movies stay."""
        users = np.arange(self.users)[users] if isinstance(users, slice) else users
        ratings = self.ratings[users]
        lengths, starts = np.diff(ratings.indptr), np.asarray(self.ratings.indptr, dtype=np.int64)[users]
        places = np.repeat(starts - ratings.indptr[:-1], lengths) + np.arange(ratings.nnz)
        return replace(
            self,
            fingerprint=f"{self.fingerprint}-{hashlib.sha256(users.tobytes()).hexdigest()[:8]}",
            user_ids=self.user_ids[users],
            ratings=ratings,
            rated_at=self.rated_at[places],
            genre_counts=self.genre_counts[users],
            registration_months=self.registration_months[users],
            user_features=self.user_features[users],
        )

    def with_users(
        self, user_ids: NDArray[np.int64], ratings: csr_array, rated_at: NDArray[np.int64]
    ) -> Self:
        """The snapshot as if other users had come instead, of whom only ratings are known; all movies stay.

        Parameters
        ----------
        user_ids : ndarray of int64, shape (B,)
            Ascending.
        ratings : csr_array of float32, shape (B, M)
            Rows sorted by movie.
        rated_at : ndarray of int64, shape (nnz,)
            Seconds since 1970 (UTC), in the order of ``ratings.data``.
        """
        newest = max(self.rated_at.max(initial=0), rated_at.max(initial=0))
        first = np.full(len(user_ids), newest)
        np.minimum.at(first, np.repeat(np.arange(len(user_ids)), np.diff(ratings.indptr)), rated_at)
        return replace(
            self,
            fingerprint=f"{self.fingerprint}-{hashlib.sha256(ratings.data.tobytes()).hexdigest()[:8]}",
            user_ids=user_ids,
            ratings=ratings,
            rated_at=rated_at,
            genre_counts=genre_counts(ratings, self.movie_group("genre"), self.liked_from),
            registration_months=((newest - first) / SECONDS_PER_MONTH).astype(np.float32),
            user_features=csr_array((len(user_ids), len(self.user_columns)), dtype=np.float32),
        )

    def save(self, folder: Path) -> None:
        """Write the snapshot as ``.npy`` files and a manifest; ``load`` maps them without copying."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in _ARRAY_FIELDS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        for name in _CSR_FIELDS:
            matrix = getattr(self, name)
            for part in ("data", "indices", "indptr"):
                np.save(folder / f"{name}.{part}.npy", getattr(matrix, part))
        shapes = {name: list(getattr(self, name).shape) for name in _CSR_FIELDS}
        plain = (
            "fingerprint",
            "dataset",
            "scale",
            "liked_from",
            "shard_ratings",
            "user_columns",
            "movie_columns",
        )
        manifest = {"shapes": shapes} | {name: getattr(self, name) for name in plain}
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))

    @classmethod
    def problem_of(cls, folder: Path) -> str | None:
        """What is wrong with a saved snapshot, None where nothing is."""
        try:
            if durable.is_sealed(folder):
                return durable.problem_of(folder)
            cls.load(folder)
        except (FileNotFoundError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
            return " ".join(str(error).split())[:160]
        return None

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map a saved snapshot read-only; pages are read as they are touched."""
        manifest = json.loads((folder / "manifest.json").read_text())
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAY_FIELDS}
        matrices = {
            name: csr_array(
                tuple(
                    np.load(folder / f"{name}.{part}.npy", mmap_mode="r")
                    for part in ("data", "indices", "indptr")
                ),
                shape=shape,
            )
            for name, shape in manifest.pop("shapes").items()
        }
        for name in ("scale", "user_columns", "movie_columns"):
            manifest[name] = manifest[name] and tuple(manifest[name])
        return cls(**manifest, **arrays, **matrices)


def columns_of(columns: tuple[str, ...], groups: tuple[str, ...], common: tuple[str, ...]) -> list[int]:
    """Positions of the columns of some groups; a group that is not among the common ones is a declared one."""
    group_of = [name.split("=", 1)[0] for name in columns]
    return [i for i, g in enumerate(group_of) if g in groups or (DECLARED in groups and g not in common)]


def implicit_feedback(ratings: csr_array) -> csr_array:
    """1.0 where an entry is stored, whatever its value; float32 of the same shape."""
    ones = np.ones(ratings.nnz, dtype=np.float32)
    return csr_array((ones, ratings.indices, ratings.indptr), shape=ratings.shape)


def genre_counts(ratings: csr_array, genres: csr_array, liked_from: float = GENRE_LIKED_FROM) -> csr_array:
    """How many movies of each genre every user liked: what ``sql/features/genre_counts.sql`` counts, of a split.

    Parameters
    ----------
    ratings : csr_array of float32, shape (U, M)
    genres : csr_array of float32, shape (M, G)
        1 where a movie is of a genre.
    liked_from : float
        The rating from which on a movie counts as liked.

    Returns
    -------
    csr_array of float32, shape (U, G)
    """
    liked = ratings.copy()
    liked.data = (ratings.data >= np.float32(liked_from)).astype(np.float32)
    counts = csr_array(liked @ genres)
    counts.eliminate_zeros()
    counts.sort_indices()
    return counts


def registration_months(ratings: csr_array, rated_at: NDArray[np.int64]) -> NDArray[np.float32]:
    """Months from a user's first rating to the newest of all: ``sql/features/registration_months.sql``, of a split.

    Parameters
    ----------
    ratings : csr_array, shape (U, M)
    rated_at : ndarray of int64, shape (nnz,)
        Seconds since 1970 (UTC) of each stored rating.

    Returns
    -------
    ndarray of float32, shape (U,)
        NaN for a user without ratings.
    """
    months = np.full(ratings.shape[0], np.nan, dtype=np.float32)
    if len(rated_at):
        rated = np.diff(ratings.indptr) > 0
        first = np.minimum.reduceat(rated_at, ratings.indptr[:-1][rated])
        months[rated] = ((rated_at.max() - first) / SECONDS_PER_MONTH).astype(np.float32)
    return months
