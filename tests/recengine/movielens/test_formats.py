"""The same three ratings however people's programs write them."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
from ingest_frames import MOVIES, RATINGS, load, table, warehouse_in_memory, write

from recengine.errors import BadSource
from recengine.ingest import LoadReport

HEADER = ["userId", "movieId", "rating", "timestamp"]
ROWS = [list(map(str, row)) for row in RATINGS]
MOVIES_HEADER = ["movieId", "title", "genres"]
MOVIE_ROWS = [[str(row[0]), row[1], "|".join(row[3])] for row in MOVIES]


def lines(header: list[str], rows: list[list[str]], separator: str = ",", end: str = "\n") -> str:
    def field(text: str) -> str:
        return f'"{text}"' if separator in text or '"' in text else text

    return "".join(separator.join(map(field, row)) + end for row in [header, *rows])


MOVIES_CSV = lines(MOVIES_HEADER, MOVIE_ROWS)
RATINGS_CSV = lines(HEADER, ROWS)


@cache
def _warehouse() -> duckdb.DuckDBPyConnection:
    return warehouse_in_memory()


def loaded(
    tmp_path: Path, files: dict[str, str | bytes], **config: Any
) -> tuple[duckdb.DuckDBPyConnection, LoadReport]:
    con = _warehouse()
    return con, load(con, write(tmp_path / "f", files), **({"max_bad_share": 0.0} | config))


def with_column(place: int, values: list[str], rows: list[list[str]] = ROWS) -> list[list[str]]:
    return [[*row[:place], value, *row[place + 1 :]] for row, value in zip(rows, values, strict=True)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-8", "latin-1"])
@pytest.mark.parametrize(("separator", "end"), [(";", "\r\n"), ("\t", "\n"), ("|", "\n"), (",", "\n")])
def test_encodings_and_separators(encoding: str, separator: str, end: str, tmp_path: Path) -> None:
    rows = [
        [i, title, genres.replace("|", " " if separator == "|" else "|")] for i, title, genres in MOVIE_ROWS
    ]
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    con, report = loaded(
        tmp_path,
        {
            "movies.csv": (mark + lines(MOVIES_HEADER, rows, separator, end)).encode(encoding),
            "ratings.csv": (mark + lines(HEADER, ROWS, separator, end)).encode(encoding),
        },
    )
    assert table(con, "ratings") == RATINGS
    assert [row[:3] for row in table(con, "movies")] == [row[:3] for row in MOVIES]
    assert report.quarantined == 0


def test_utf_16_without_a_mark_and_excels_line_of_the_separator(tmp_path: Path) -> None:
    con, _ = loaded(
        tmp_path,
        {
            "movies.csv": MOVIES_CSV.encode("utf-16-le"),
            "ratings.csv": "sep=;\r\n" + lines(HEADER, ROWS, ";", "\r\n"),
        },
    )
    assert (table(con, "ratings"), table(con, "movies")) == (RATINGS, MOVIES)
    assert con.execute("SELECT min(line), max(line) FROM raw.ratings").fetchone() == (3, 5)


@pytest.mark.parametrize("separator", [";", ","])
def test_decimal_commas(separator: str, tmp_path: Path) -> None:
    rows = with_column(2, ["4,5", "3,0", "4,0"])
    con, _ = loaded(tmp_path, {"movies.csv": MOVIES_CSV, "ratings.csv": lines(HEADER, rows, separator)})
    assert table(con, "ratings") == [(1, 10, 4.5, 1000000000), *RATINGS[1:]]


@pytest.mark.parametrize(
    "write_time",
    [
        lambda t: f"{t}000",
        lambda t: f"{t}000000",
        lambda t: f"{t}000000000",
        lambda t: f"{t}.25",
        lambda t: datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        lambda t: datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        lambda t: datetime.fromtimestamp(t, UTC).strftime("%Y/%m/%d %H:%M:%S.123456"),
        lambda t: datetime.fromtimestamp(t + 7200, UTC).strftime("%Y-%m-%dT%H:%M:%S+02:00"),
        lambda t: datetime.fromtimestamp(t - 19800, UTC).strftime("%Y-%m-%d %H:%M:%S -0530"),
    ],
    ids=["ms", "us", "ns", "fractions", "iso", "zulu", "slashes", "zone", "blank zone"],
)
def test_times(write_time: Any, tmp_path: Path) -> None:
    rows = with_column(3, [write_time(row[3]) for row in RATINGS])
    con, _ = loaded(tmp_path, {"movies.csv": MOVIES_CSV, "ratings.csv": lines(HEADER, rows)})
    assert table(con, "ratings") == RATINGS


def test_dates_alone_are_midnight_utc_whatever_the_zone_of_the_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = with_column(3, ["2001-09-09", "2001-09-10", "2001-9-11"])
    con = warehouse_in_memory()
    con.execute("SET TimeZone = 'Asia/Tokyo'")
    load(con, write(tmp_path / "f", {"movies.csv": MOVIES_CSV, "ratings.csv": lines(HEADER, rows)}))
    times = con.execute("SELECT epoch(rated_at) FROM core.ratings ORDER BY 1").fetchall()
    assert times == [(999993600.0,), (1000080000.0,), (1000166400.0,)]


def test_the_unit_is_that_of_all_times_and_the_others_are_set_aside(tmp_path: Path) -> None:
    rows = [["1", str(i), "4", f"{1000000000 + i}"] for i in range(4000)]  # more than the first lines
    late = [["2", str(i), "4", f"{1000000000 + i}000"] for i in range(9000)]
    con, report = loaded(tmp_path, {"ratings.csv": lines(HEADER, rows + late)}, max_bad_share=1)
    assert (report.ratings, report.quarantined_by_reason) == (9000, {"absurd timestamp": 4000})
    assert con.execute("SELECT min(epoch(rated_at)) FROM core.ratings").fetchone() == (1e9,)


def test_times_as_other_text_are_refused_by_name(tmp_path: Path) -> None:
    rows = with_column(3, ["31.12.2001", "30.12.2001", "29.12.2001"])
    files: dict[str, str | bytes] = {
        "movies.csv": MOVIES_CSV,
        "ratings.csv": lines(["userId", "movieId", "rating", "when"], rows),
        "dataset.toml": "[ratings]\nfiles = ['ratings.csv']\ncolumns = {time = 'when'}\n",
    }
    with pytest.raises(BadSource, match="the times in column 'when' are text that is neither") as caught:
        loaded(tmp_path, files)
    assert "31.12.2001" in str(caught.value)
    assert "header" not in str(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        "user_id,movie_id,rating,timestamp",
        "User ID,Item-ID,Score,Date",
        "uid,itemId,stars,ts",
        "customer_id,film,Rating,time",
        "user,item,rating,rated_at",
    ],
)
def test_spellings(header: str, tmp_path: Path) -> None:
    movies = lines(["id", "Name", "Genre"], MOVIE_ROWS)
    con, _ = loaded(tmp_path, {"movie.csv": movies, "rating.csv": lines(header.split(","), ROWS)})
    assert (table(con, "ratings"), table(con, "movies")) == (RATINGS, MOVIES)


def test_extra_columns_and_a_year_of_its_own(tmp_path: Path) -> None:
    years = [(10, "1995", 1995), (20, "1999-05-01", 1999), (30, "?", None)]
    movies = lines(
        ["id", "imdb", "title", "overview", "year", "genres", "movieId"],
        [["7", "tt1", f"Film {i}", "a, b", year, "Drama", str(i)] for i, year, _ in years],
    )
    ratings = lines(["index", *HEADER, "device"], [["0", *row, "phone"] for row in ROWS])
    con, _ = loaded(tmp_path, {"movies.csv": movies, "ratings.csv": ratings})
    assert [row[:3] for row in table(con, "movies")] == [(i, f"Film {i}", year) for i, _, year in years]
    assert table(con, "ratings") == RATINGS


def test_ids_are_exact_to_64_bits_and_may_be_negative(tmp_path: Path) -> None:
    users, movies = (9007199254740993, -7), (9223372036854775807, -9223372036854775808)
    rows = [[str(u), str(m), "4", "1000000000"] for u in users for m in movies]
    files: dict[str, str | bytes] = {
        "ratings.csv": lines(HEADER, rows),
        "movies.csv": lines(MOVIES_HEADER, [[str(m), f"Film {m}", ""] for m in movies]),
        "users.csv": lines(["userId", "age"], [[str(u), "30"] for u in users]),
    }
    con, _ = loaded(tmp_path, files)
    assert {row[:2] for row in table(con, "ratings")} == {(u, m) for u in users for m in movies}
    assert {row[0] for row in table(con, "users")} == set(users)
    assert [row[4] for row in table(con, "users")] == [2, 2]


@pytest.mark.parametrize("packed", [False, True])
def test_gz_and_parquet_and_their_mixture(packed: bool, tmp_path: Path) -> None:
    parquet = tmp_path / "r.parquet"
    rows = ", ".join(
        f"({u}::UBIGINT, {m}::INTEGER, {s}::DECIMAL(3, 1), to_timestamp({t}))" for u, m, s, t in RATINGS
    )
    chosen = "SELECT u AS user_id, [1, 2] AS more, m AS item_id, s AS rating, t AS time"
    duckdb.execute(f"COPY ({chosen} FROM (VALUES {rows}) v(u, m, s, t)) TO '{parquet}'")
    lists = ", ".join(f"({i}, '{title}', {genres}::VARCHAR[])" for i, title, _, genres in MOVIES)
    films = tmp_path / "m.parquet"
    duckdb.execute(f"COPY (FROM (VALUES {lists}) v(movieId, title, genres)) TO '{films}'")
    movies = (
        ("movies.csv.gz", gzip.compress(MOVIES_CSV.encode()))
        if packed
        else ("movies.parquet", films.read_bytes())
    )
    con, _ = loaded(tmp_path, dict([("ratings.parquet", parquet.read_bytes()), movies]))
    assert (table(con, "ratings"), table(con, "movies")) == (RATINGS, MOVIES)
    assert con.execute("SELECT DISTINCT line FROM raw.ratings ORDER BY 1").fetchall() == [(1,), (2,), (3,)]


@pytest.mark.parametrize("name", ["ratings.parquet", "ratings.csv.gz"])
def test_a_damaged_file_is_one_sentence(name: str, tmp_path: Path) -> None:
    whole = gzip.compress(RATINGS_CSV.encode() * 50)[:-20] if name.endswith("gz") else b"PAR1 torn"
    with pytest.raises(BadSource, match=f"{name}: (cannot be read|is a damaged gzip)"):
        loaded(tmp_path, {"movies.csv": MOVIES_CSV, name: whole})


def test_ratings_without_times_or_stars(tmp_path: Path) -> None:
    both = lines(["userId", "movieId"], [row[:2] for row in ROWS])
    con, report = loaded(tmp_path, {"movies.csv": MOVIES_CSV, "ratings.csv": both})
    assert table(con, "ratings") == [(u, m, 1.0, 0) for u, m, _, _ in RATINGS]
    assert [note.partition(":")[0] for note in report.notes] == [
        "ratings.csv has no column of ratings", "ratings.csv has no column of times"
    ]  # fmt: skip
    assert con.execute("SELECT notes FROM ops.loads ORDER BY started_at DESC LIMIT 1").fetchone() == (
        report.notes,
    )


def test_a_column_that_may_be_the_rating_is_not_overlooked(tmp_path: Path) -> None:
    ratings = lines(["userId", "movieId", "note sur 5", "timestamp"], ROWS)
    with pytest.raises(BadSource, match=r"'note sur 5' holds numbers; say in a dataset\.toml"):
        loaded(tmp_path, {"movies.csv": MOVIES_CSV, "ratings.csv": ratings})


def test_files_with_and_without_ratings_are_not_mixed(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"movies.csv": MOVIES_CSV, "ratings.csv": RATINGS_CSV}
    with pytest.raises(
        BadSource, match=r"ratings-2\.csv: has no column of ratings, and ratings\.csv has one"
    ):
        loaded(tmp_path, files | {"ratings-2.csv": "userId,movieId\n1,30\n"})
