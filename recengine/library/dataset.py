"""``read``: a folder, a zip or data frames -> a ``Dataset``, by the same stages as the nightly run."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError

from recengine import features
from recengine.config import Home, refusal
from recengine.dataset import Snapshot
from recengine.errors import BadInput, RecengineError
from recengine.ingest import ingest
from recengine.knobs.stages import IngestConfig
from recengine.library import frames
from recengine.movielens.locating import locate
from recengine.movielens.spellings import Role
from recengine.runtime.paths import user_path
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import memory
from recengine.warehouse.history.loads import LoadReport
from recengine.warehouse.migrations import migrate


@dataclass(frozen=True, repr=False)
class Dataset:
    """Ratings, users and movies, ready to fit a model on; made by ``recengine.read``.

    Attributes
    ----------
    users : DataFrame
        One row per user: user_id (the data's own, a number or a text), gender, age, occupation, ratings (their
        number).
    movies : DataFrame
        One row per movie id: movie_id (the data's own), title, year, genres, film_id. Ids with one title and year are
        one film, which is listed under ``film_id``.
    snapshot : Snapshot
        What models see: matrices, in the order of the ids.
    report : LoadReport or None
        What reading found: counts, the ratings' scale and why, and how many rows were left out for which reason.
    """

    users: pd.DataFrame
    movies: pd.DataFrame
    snapshot: Snapshot
    report: LoadReport | None = None

    def __repr__(self) -> str:
        counts = f"{self.snapshot.users:,} users, {self.snapshot.movies:,} movies"
        return f"<Dataset {self.snapshot.dataset}: {counts}, {self.snapshot.ratings.nnz:,} ratings>"

    @cached_property
    def user_labels(self) -> NDArray[Any]:
        """The data's own id of every user, shape (U,), in the snapshot's order."""
        return np.asarray(self.users["user_id"].to_numpy())

    @cached_property
    def movie_labels(self) -> NDArray[Any]:
        """The data's own id of every film, shape (M,), in the snapshot's order."""
        own = self.movies["movie_id"] == self.movies["film_id"]
        return np.asarray(self.movies["movie_id"][own].to_numpy())

    def users_at(self, ids: Any) -> NDArray[np.int64]:
        """Where users stand in the snapshot, in the order given.

        Parameters
        ----------
        ids : one id or sequence of ids

        Raises
        ------
        BadInput
            The data has no such user.
        """
        return _found(ids, self._places_of_users, "user")

    def movies_at(self, ids: Any) -> NDArray[np.int64]:
        """Where movies stand in the snapshot, in the order given; any id of a film is its place.

        Parameters
        ----------
        ids : one id or sequence of ids

        Raises
        ------
        BadInput
            The data has no such movie.
        """
        return _found(ids, self._places_of_movies, "movie")

    @cached_property
    def _places_of_users(self) -> pd.Series:
        return pd.Series(np.arange(self.snapshot.users), index=pd.Index(self.user_labels))

    @cached_property
    def _places_of_movies(self) -> pd.Series:
        films = pd.Index(self.movie_labels).get_indexer(pd.Index(self.movies["film_id"]))
        return pd.Series(films, index=pd.Index(self.movies["movie_id"]))


def read(
    source: Any,
    *,
    movies: Any = None,
    users: Any = None,
    scale: str = "",
    max_bad_share: float = 0.01,
) -> Dataset:
    """Read ratings, and what is known of movies and users, from a folder or zip or from data frames.

    Nothing is kept: the tables are built in memory, as the nightly run builds them in its warehouse, so that the same
    data gives the same matrices.

    Parameters
    ----------
    source : path or table
        A folder or zip with MovieLens files or your own (docs/your-data.md), or the ratings as a table: pandas,
        Polars, Arrow, anything with ``__arrow_c_stream__``, or a dict of columns. Columns go by any usual name
        (userId, movie_id, item, rating, timestamp ...); ids are numbers or text (told from five rows on); times
        may be dates. Without a column of ratings every row says that somebody took a movie; without times all
        count as equally old.
    movies : table, optional
        Beside a table of ratings: movie id, title, and where known genres (a list, or parted by ``|``) and year.
    users : table, optional
        Beside a table of ratings: user id, and where known gender, age, occupation, zip.
    scale : str
        The ratings' scale as ``low-high/step``, or ``implicit``; found from the ratings when empty.
    max_bad_share : float
        Largest share of rows that may be unusable; they are left out, and ``Dataset.report`` counts them.

    Returns
    -------
    Dataset

    Raises
    ------
    BadInput
        In one sentence: a column or an id is missing, there is no rating, the folder is none that can be read ...
    """
    with tempfile.TemporaryDirectory(prefix="recengine-read-") as scratch:
        folder = Path(scratch).resolve() / "data"
        with _told(folder):
            config = IngestConfig(scale=scale, max_bad_share=max_bad_share)
            if frames.is_frame(source):
                given: dict[Role, Any] = {"ratings": source, "movies": movies, "users": users}
                tables = {
                    role: frames.table_of(frame, role) for role, frame in given.items() if frame is not None
                }
                folder.mkdir()
                frames.write(tables, folder)
                return _read(Path(scratch), folder, config, tables)
            if movies is not None or users is not None:
                raise BadInput(
                    "movies= and users= go with a table of ratings; leave them out, a folder has files of its own."
                )
            if not isinstance(source, str | os.PathLike) or (path := user_path(source)) is None:
                raise BadInput(
                    f"The source is a {type(source).__name__}; give a folder, a zip or a table of ratings."
                )
            return _read(Path(scratch), path, config, {})


def _read(scratch: Path, path: Path, config: IngestConfig, tables: dict[Role, pa.Table]) -> Dataset:
    with memory() as con:
        migrate(con, Path("memory"))
        report = ingest(con, locate(Home(scratch), source=path), config)
        snapshot = features.snapshot(con)
        con.execute("ATTACH ':memory:' AS published")
        for name in ("movies", "users"):
            sqlfiles.run(con, f"publish/{name}")
        con.execute("USE published")
        dataset = dataset_of(con, snapshot, report)
    if tables:
        for column, described in (("user_id", dataset.users), ("movie_id", dataset.movies)):
            if (texts := frames.text_ids(tables["ratings"], column)) is not None:
                _as_text(described, column, texts)
    return dataset


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Turn what the stages say of files and options into what the caller gave."""
    try:
        yield
    except ValidationError as error:
        raise BadInput(refusal(error, IngestConfig)) from error
    except RecengineError as error:
        text = re.sub(rf"{re.escape(str(folder))}/(\w+)\.parquet", r"the table of \1", str(error))
        text = text.replace(str(folder), "the table")
        text = re.sub(r"--([a-z]+(?:-[a-z]+)*)", lambda option: option[1].replace("-", "_"), text)
        raise BadInput(text[:1].upper() + text[1:] if text.startswith("the table") else text) from error


def dataset_of(
    con: duckdb.DuckDBPyConnection, snapshot: Snapshot, report: LoadReport | None = None
) -> Dataset:
    """A dataset from a snapshot and the tables ``movies`` and ``users`` that readers have.

    Files that earlier releases published lack the ids' texts, or that two ids are one film.
    """
    known = con.execute(
        "SELECT column_name FROM duckdb_columns() WHERE table_name IN ('movies', 'users')"
    ).fetchall()
    names = {name for (name,) in known}

    def column(name: str, otherwise: str) -> str:
        return name if name in names else otherwise

    film, key = column("film_id", "movie_id"), column("movie_key", "movie_id::VARCHAR")
    movies = sqlfiles.run(con, "reading/movies", film=film, key=key).df()
    users = sqlfiles.run(con, "reading/users", key=column("user_key", "user_id::VARCHAR")).df()
    own = pd.Series(_labels(movies, "movie_id", "movie_key"), index=movies["movie_id"])
    movies["film_id"] = own.loc[movies["film_id"]].to_numpy()
    movies["movie_id"] = own.to_numpy()
    users["user_id"] = _labels(users, "user_id", "user_key")
    return Dataset(users.drop(columns="user_key"), movies.drop(columns="movie_key"), snapshot, report)


def _labels(frame: pd.DataFrame, number: str, key: str) -> NDArray[Any]:
    """The ids as the data writes them: numbers, unless one is a text."""
    numbers = frame[number].to_numpy()
    texts = frame[key].to_numpy(dtype=object)
    return np.asarray(numbers if (texts == numbers.astype(str)).all() else texts)


def _as_text(described: pd.DataFrame, column: str, given: Sequence[str]) -> None:
    """Make ids that were read as numbers the texts that a table gave."""
    texts = described[column].astype(str)
    known = set(texts)
    padded = [text for text in given if text not in known and (text.strip().lstrip("+0") or "0") in known]
    if padded:
        raise BadInput(
            f"The ids in the column {column} are texts, of which {padded[0]!r} would be read as the number "
            f"{padded[0].strip().lstrip('+0') or '0'}; give numbers, or put a letter before each."
        )
    described[column] = texts.astype(object)
    if column == "movie_id":
        described["film_id"] = described["film_id"].astype(str).astype(object)


def _found(ids: Any, places: pd.Series, what: str) -> NDArray[np.int64]:
    asked = [ids] if np.ndim(ids) == 0 else list(ids)
    at = places.index.get_indexer(pd.Index(asked))
    if (at < 0).any():
        raise BadInput(
            f"There is no {what} {asked[int(np.argmax(at < 0))]!r} in the data; ask for one that is."
        )
    return np.asarray(places.to_numpy()[at])
