"""Writes a dataset as files of one MovieLens layout, in a folder that appears complete or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recengine.errors import BadInput
from recengine.runtime import durable
from recengine.synthetic.population import GENRES, OCCUPATIONS, Movies, Users

_CHUNK = 1_000_000  # ratings formatted at a time: bounds the memory
ML1M_AGES = (1, 18, 25, 35, 45, 50, 56)  # the youngest age of each band is its code; 1 means under 18
# ml-1m's code of each of our occupations; some share one, as its list has no librarian, salesman ...
_ML1M_OCCUPATIONS = np.array([3, 2, 6, 1, 17, 16, 7, 6, 9, 11, 1, 14, 19, 0, 12, 13, 14, 15, 4, 18, 20])
_ML1M_YOUNG_STUDENT = 10  # "K-12 student"
_STUDENT = OCCUPATIONS.index("student")
_NO_GENRES = "(no genres listed)"


@dataclass(frozen=True)
class Ratings:
    """R ratings, ordered by user and movie.

    Attributes
    ----------
    offsets : ndarray of int64, shape (U + 1,)
        User u's ratings are ``offsets[u]`` to ``offsets[u + 1]``.
    movie : ndarray of int32, shape (R,)
        Movie index.
    half_stars : ndarray of int8, shape (R,)
        1 (half a star) to 10 (five stars).
    rated_at : ndarray of int64, shape (R,)
        Seconds since 1970 (UTC).
    """

    offsets: NDArray[np.int64]
    movie: NDArray[np.int32]
    half_stars: NDArray[np.int8]
    rated_at: NDArray[np.int64]


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside ``folder`` that takes its name when the block ends well, else vanishes.

    Raises
    ------
    BadInput
        If ``folder`` is a file, or a folder with something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} already holds something; name a new folder or empty this one first.")
    with durable.new_folder(folder, sealed=False) as building:
        yield building


def write(
    folder: Path,
    layout: str,
    users: Users,
    movies: Movies,
    titles: NDArray[np.object_],
    ratings: Ratings,
    *,
    demographics: bool,
    seed: int,
    on_progress: Callable[[str, int, int], None],
) -> None:
    """Write all files of a layout ("ml-100k", "ml-1m", "ml-10m" or "csv") into an existing folder.

    ``demographics`` adds users.csv to csv; ``seed`` shuffles ml-100k's ratings, which are in no order.
    """
    if layout == "ml-100k":
        _write_ml100k(folder, users, movies, titles, ratings)
    elif layout == "ml-1m":
        _write_ml1m(folder, users, movies, titles)
    elif layout == "ml-10m":
        _write_lines(folder / "movies.dat", [movies.movie_id, titles, _genre_lists(movies.genres)], "::")
    else:
        _write_csv_movies(folder / "movies.csv", movies, titles)
        if demographics:
            _write_csv_users(folder / "users.csv", users)
    _write_ratings(folder, layout, movies.movie_id, ratings, seed, on_progress)


def _write_ratings(
    folder: Path,
    layout: str,
    movie_id: NDArray[np.int64],
    ratings: Ratings,
    seed: int,
    on_progress: Callable[[str, int, int], None],
) -> None:
    name, separator, header = {
        "ml-100k": ("u.data", "\t", b""),
        "ml-1m": ("ratings.dat", "::", b""),
        "ml-10m": ("ratings.dat", "::", b""),
        "csv": ("ratings.csv", ",", b"userId,movieId,rating,timestamp\n"),
    }[layout]
    always_decimal = layout == "csv"  # csv writes 4.0 where ml-10m writes 4
    stars = pa.array([f"{half / 2:.1f}" if always_decimal else f"{half / 2:g}" for half in range(11)])
    total = len(ratings.movie)
    shuffled = np.random.default_rng([seed, 4]).permutation(total) if layout == "ml-100k" else None
    with (folder / name).open("wb") as file:
        file.write(header)
        for start in range(0, total, _CHUNK):
            stop = min(start + _CHUNK, total)
            rows = np.arange(start, stop) if shuffled is None else shuffled[start:stop]
            user_id = np.searchsorted(ratings.offsets, rows, side="right")
            columns = [user_id, movie_id[ratings.movie[rows]], stars.take(ratings.half_stars[rows])]
            file.write(_lines([*columns, ratings.rated_at[rows]], separator))
            on_progress("write ratings", stop, total)


def _write_ml100k(
    folder: Path, users: Users, movies: Movies, titles: NDArray[np.object_], ratings: Ratings
) -> None:
    count, size = len(users.age), len(movies.movie_id)
    gender = np.where(users.female, "F", "M")
    zip_code = pc.utf8_lpad(pa.array(users.zip_code).cast(pa.string()), 5, "0")
    who = np.array(OCCUPATIONS, dtype=object)[users.occupation]
    _write_lines(folder / "u.user", [np.arange(1, count + 1), users.age, gender, who, zip_code], "|")
    flags = np.column_stack([~movies.genres.any(axis=1), movies.genres]).astype(np.int8)
    _write_lines(
        folder / "u.item",
        [
            movies.movie_id,
            titles,
            _day_month_year(movies.released),
            [""] * size,
            _addresses(titles),
            *flags.T,
        ],
        "|",
        encoding="latin-1",
    )
    names = ["unknown", *GENRES]
    (folder / "u.genre").write_text("".join(f"{name}|{i}\n" for i, name in enumerate(names)) + "\n")
    (folder / "u.occupation").write_text("".join(f"{name}\n" for name in OCCUPATIONS))
    (folder / "u.info").write_text(f"{count} users\n{size} items\n{len(ratings.movie)} ratings\n")


def _write_ml1m(folder: Path, users: Users, movies: Movies, titles: NDArray[np.object_]) -> None:
    age = np.array(ML1M_AGES)[np.searchsorted(ML1M_AGES, users.age, side="right") - 1]
    young = (users.occupation == _STUDENT) & (users.age < 18)
    occupation = np.where(young, _ML1M_YOUNG_STUDENT, _ML1M_OCCUPATIONS[users.occupation])
    zip_code = pc.utf8_lpad(pa.array(users.zip_code).cast(pa.string()), 5, "0")
    gender = np.where(users.female, "F", "M")
    _write_lines(folder / "users.dat", [np.arange(1, len(age) + 1), gender, age, occupation, zip_code], "::")
    genres = _genre_lists(movies.genres, childrens="Children's")
    _write_lines(folder / "movies.dat", [movies.movie_id, titles, genres], "::", encoding="latin-1")


def _write_csv_movies(path: Path, movies: Movies, titles: NDArray[np.object_]) -> None:
    columns = [movies.movie_id, _quoted(titles), _genre_lists(movies.genres)]
    _write_lines(path, columns, ",", header="movieId,title,genres\n")


def _write_csv_users(path: Path, users: Users) -> None:
    gender = np.where(users.female, "F", "M")
    occupation = np.array(OCCUPATIONS, dtype=object)[users.occupation]
    columns = [np.arange(1, len(gender) + 1), gender, users.age, occupation]
    _write_lines(path, columns, ",", header="userId,gender,age,occupation\n")


def _quoted(titles: NDArray[np.object_]) -> pa.Array:
    """Titles as csv wants them: in quotes only where a comma or quote asks for it, as MovieLens does."""
    text = pa.array(titles, pa.string())
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(text, '[,"]'), quoted, text)


def _genre_lists(genres: NDArray[np.bool_], childrens: str = "Children") -> NDArray[np.object_]:
    """Each movie's genres joined by "|", as text objects of shape (M,)."""
    lists = np.full(len(genres), "", dtype=object)
    for i, name in enumerate(GENRES):
        label = childrens if name == "Children's" else name
        lists = lists + np.where(genres[:, i], "|" + label, "").astype(object)
    text = pc.utf8_ltrim(pa.array(lists, pa.string()), "|").to_numpy(zero_copy_only=False)
    return np.where(genres.any(axis=1), text, _NO_GENRES)


def _day_month_year(days: NDArray[np.datetime64]) -> pa.Array:
    """Dates as ml-100k writes them: 01-Jan-1995."""
    date = pa.array(days.astype("datetime64[D]"))
    months = pa.array(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"])
    day = pc.utf8_lpad(pc.day(date).cast(pa.string()), 2, "0")
    year = pc.year(date).cast(pa.string())
    return pc.binary_join_element_wise(day, months.take(pc.subtract(pc.month(date), 1)), year, "-")


def _addresses(titles: NDArray[np.object_]) -> pa.Array:
    """ml-100k's link column; the movies do not exist, so the host is one that cannot either."""
    title = pc.replace_substring(pa.array(titles, pa.string()), " ", "%20")
    return pc.binary_join_element_wise("http://movies.invalid/title-exact?", title, "")


def _write_lines(
    path: Path, columns: list[Any], separator: str, *, encoding: str = "utf-8", header: str = ""
) -> None:
    text = header.encode() + _lines(columns, separator)
    path.write_bytes(text if encoding == "utf-8" else text.decode().encode(encoding))


def _lines(columns: list[Any], separator: str) -> bytes:
    """Columns of one length as UTF-8 text, a line per row: the data buffer of one Arrow array of lines."""
    texts = [pa.array(column).cast(pa.string()) for column in columns]
    ended = pc.binary_join_element_wise(texts[-1], "", "\n")
    lines = pc.binary_join_element_wise(*texts[:-1], ended, separator)
    first, last = np.frombuffer(lines.buffers()[1], dtype=np.int32)[[lines.offset, lines.offset + len(lines)]]
    return bytes(memoryview(lines.buffers()[2])[first:last])
