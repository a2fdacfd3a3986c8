"""How source files are read: encodings, line ends, quotes, headers, and what a careless reader gets wrong."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import duckdb
import pytest
from ingest_frames import FRAMES, MOVIES, RATINGS, frame, load, name_of, table, warehouse_in_memory, write

from recengine.errors import BadSource
from recengine.movielens.layouts import recognise
from recengine.movielens.reader import facts_of, lines_of, normalised, reading_of

HEADER = "userId,movieId,rating,timestamp\n"


def loaded(tmp_path: Path, files: dict[str, str | bytes]) -> duckdb.DuckDBPyConnection:
    """One warehouse for all tests of this file: each load replaces what the one before left."""
    con = _warehouse()
    load(con, write(tmp_path / "f", files))
    return con


@cache
def _warehouse() -> duckdb.DuckDBPyConnection:
    return warehouse_in_memory()


def csv_with(**files: str | bytes) -> dict[str, str | bytes]:
    return frame("csv") | {f"{role}.csv": content for role, content in files.items()}


@pytest.mark.parametrize("layout", sorted(FRAMES))
@pytest.mark.parametrize(
    ("old", "new"),
    [("\n", "\r\n"), ("\n", "\r"), ("\n", "\n\n"), ("\n", "\n \t\n"), ("\n", "\r\n\n")],
    ids=["crlf", "cr", "blank lines", "lines of spaces", "mixed"],
)
def test_line_ends_and_blank_lines_do_not_matter(layout: str, old: str, new: str, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        name: str(text).replace(old, new) for name, text in frame(layout).items()
    }
    con = loaded(tmp_path, files)
    assert (table(con, "ratings"), table(con, "movies"), table(con, "quarantine")) == (RATINGS, MOVIES, [])
    assert {rows for _, rows, _ in table(con, "files")} <= {2, 3}


@pytest.mark.parametrize("layout", sorted(FRAMES))
def test_no_final_line_end_a_bom_and_latin_1_do_not_matter(layout: str, tmp_path: Path) -> None:
    for prefix, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"", "utf-8"), (b"", "latin-1")):
        files: dict[str, str | bytes] = {
            name: prefix + str(text).rstrip("\n").encode(encoding) for name, text in frame(layout).items()
        }
        con = loaded(tmp_path, files)
        found = (table(con, "ratings"), table(con, "movies"), table(con, "quarantine"))
        assert found == (RATINGS, MOVIES, [])


@pytest.mark.parametrize("layout", sorted(FRAMES))
def test_some_crlf_in_the_middle_keeps_rows_and_line_numbers(layout: str, tmp_path: Path) -> None:
    name = name_of(layout, "ratings")
    text = str(FRAMES[layout][name])
    last = text.rfind("\n", 0, -1) + 1
    files = frame(layout) | {name: text[: last - 1] + "\r\n" + "oops\n" + text[last:]}
    con = loaded(tmp_path, files)
    assert table(con, "ratings") == RATINGS
    assert table(con, "quarantine") == [(name, 3 + (layout == "csv"), "unparsable", "oops")]


def test_bytes_that_latin_1_calls_control_characters_are_kept(tmp_path: Path) -> None:
    con = loaded(tmp_path, frame("ml-1m", movies=b"40::\x80\x9f\xe9\x00 (2000)::Drama\n"))
    assert table(con, "movies")[-1] == (40, "\x80\x9fé\x00 (2000)", 2000, ["Drama"])


def test_a_rating_is_never_rounded_and_neither_is_an_id(tmp_path: Path) -> None:
    lines = "1,10,3.55,1000000000\n1.4,10,4,1000000000\n1,10.6,4,1000000000\n2,20,1e0,1000000003\n"
    con = loaded(tmp_path, csv_with(ratings=HEADER + lines))
    assert table(con, "ratings") == [(2, 20, 1.0, 1000000003)]
    assert [row[1:3] for row in table(con, "quarantine")] == [
        (2, "rating not on the star grid"), (3, "unparsable id"), (4, "unparsable id")
    ]  # fmt: skip


def test_columns_are_found_by_their_header_in_any_order(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        csv_with(
            ratings="note,TIMESTAMP,rating, movieId ,userId\nhm,1000000000,4,10,1\n,1000000001,oops,20,1\n",
            movies='genres,"title",movieId\nDrama,Toys (1995),10\n',
        ),
    )
    assert table(con, "ratings") == [(1, 10, 4.0, 1000000000)]
    assert table(con, "movies") == [(10, "Toys (1995)", 1995, ["Drama"])]
    assert table(con, "quarantine") == [("ratings.csv", 3, "unparsable", ",1000000001,oops,20,1")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("1,10,4,1000000000\n1,20,4,1000000000\n", "lacks userId, movieId, rating, timestamp"),
        ("userId movieId rating timestamp\n1 10 4 1000000000\n", "lacks userId"),
        ("userId,rating,timestamp\n1,4,1000000000\n", "lacks movieId under any usual spelling"),
        ("", "lacks userId"),
        ("\n" + HEADER, "lacks userId"),
        ("userId,movieId,rating,timestamp,userid\n", "names user_id twice"),
        ('"userId,movieId\n', "lacks userId"),
        ("x" * 300_000, "lacks userId"),
    ],
    ids=["none", "blanks", "short", "empty", "blank first", "twice", "unclosed", "endless"],
)
def test_a_header_that_does_not_name_the_columns_is_refused(content: str, says: str, tmp_path: Path) -> None:
    con = warehouse_in_memory()
    with pytest.raises(BadSource, match=says) as caught:
        load(con, write(tmp_path / "f", csv_with(ratings=content)))
    assert "ratings.csv" in str(caught.value)
    assert con.execute("SELECT status FROM ops.loads").fetchall() == [("failed",)]


def test_an_unclosed_quote_costs_one_line(tmp_path: Path) -> None:
    movies = (
        "movieId,title,genres\n"
        '10,"Toys (1995),Comedy\n'
        '20,"Café, The ""Best"" (1999)",Action|Drama\n'
        '30,Foo "Bar" (2000),Drama\n'
        '40,"Quoted" tail,Drama\n'
        '50,"",Drama\n'
        '60,"Last, The",\n'
    )
    con = loaded(tmp_path, csv_with(movies=movies))
    assert table(con, "movies") == [
        (20, 'Café, The "Best" (1999)', 1999, ["Action", "Drama"]),
        (30, 'Foo "Bar" (2000)', 2000, ["Drama"]),
        (60, "Last, The", None, []),
    ]
    assert [row[1:3] for row in table(con, "quarantine") if row[0] == "movies.csv"] == [
        (2, "unclosed quote"), (5, "unparsable"), (6, "missing title"),
    ]  # fmt: skip


def test_quotes_in_ratings_are_read_and_a_stray_one_costs_one_line(tmp_path: Path) -> None:
    quoted = '"1","10","5.0","1000000000"\n"1","20","3.0","1000000001"\n'
    con = loaded(tmp_path, csv_with(ratings=HEADER + quoted + '2,10,"4.0,1000000002\n2,10,4.0,1000000002\n'))
    assert table(con, "ratings") == RATINGS
    assert table(con, "quarantine") == [("ratings.csv", 4, "unclosed quote", '2,10,"4.0,1000000002')]


@pytest.mark.parametrize("layout", ["ml-1m", "ml-10m"])
def test_titles_with_colons_and_quotes_are_whole(layout: str, tmp_path: Path) -> None:
    more = '40::Ends with colon:::Drama\n50::"Starts quoted (2001)::Drama\n60::A: B (2002)::Drama\n'
    for bad in ("", "oops\n"):  # read as a whole, and line by line
        con = loaded(tmp_path, frame(layout, movies=more + bad))
        assert table(con, "movies")[3:] == [
            (40, "Ends with colon:", None, ["Drama"]),
            (50, '"Starts quoted (2001)', 2001, ["Drama"]),
            (60, "A: B (2002)", 2002, ["Drama"]),
        ]


@pytest.mark.parametrize(
    ("title", "year"),
    [("A (1995)", 1995), ("A (1995) ", 1995), ("A (1995-1997)", 1995), ("A (1995–)", 1995), ("A", None),
     ("1984", None), ("A (1995) again", None), ("A (95)", None), ("(500) Days (2009)", 2009)],
)  # fmt: skip
def test_the_year_is_what_stands_at_the_end_in_brackets(title: str, year: int | None, tmp_path: Path) -> None:
    con = loaded(tmp_path, frame("ml-1m", movies=f"40::{title}::Drama\n"))
    assert table(con, "movies")[-1] == (40, title.strip(), year, ["Drama"])


def test_genres_are_distinct_and_sorted_and_none_is_an_empty_list(tmp_path: Path) -> None:
    con = loaded(tmp_path, csv_with(movies="movieId,title,genres\n10,A,Drama|Action|Drama|\n20,B,\n"))
    assert [row[3] for row in table(con, "movies")] == [["Action", "Drama"], []]


def test_attributes_that_cannot_be_read_are_missing(tmp_path: Path) -> None:
    users = "userId,gender,age,occupation\n1,female,24.9,\n2,X,200,a|b\n3,m,old,writer\n4,,,\n"
    con = loaded(tmp_path, csv_with(users=users))
    assert table(con, "users") == [
        (1, "F", 24, None, 2), (2, None, None, "a|b", 1), (3, "M", None, "writer", 0), (4, *[None] * 3, 0)
    ]  # fmt: skip
    assert table(con, "quarantine") == []


def test_users_csv_needs_only_ids(tmp_path: Path) -> None:
    con = loaded(tmp_path, csv_with(users="note,userId\nx,5\n"))
    assert table(con, "users") == [(1, *[None] * 3, 2), (2, *[None] * 3, 1), (5, *[None] * 3, 0)]


def test_zip_codes_keep_their_zeros_and_job_codes_get_names(tmp_path: Path) -> None:
    con = loaded(tmp_path, frame("ml-1m", users="5::M::1::20::02460\n6::F::1::99::1\n"))
    query = "SELECT zip, occupation FROM core.users WHERE user_id > 2 ORDER BY user_id"
    assert con.execute(query).fetchall() == [("02460", "writer"), ("1", "99")]


def test_the_text_of_an_endless_line_is_cut(tmp_path: Path) -> None:
    con = loaded(tmp_path, frame("ml-1m", ratings="x" * 3_000_000 + "\n"))
    assert table(con, "quarantine") == [("ratings.dat", 4, "unparsable", "x" * 2000)]
    con = loaded(tmp_path, frame("ml-1m", ratings="1::20::" + "x" * 21_000_000 + "\n1::20::5::1000000009\n"))
    assert table(con, "quarantine") == [("ratings.dat", 4, "line too long", ("1::20::" + "x" * 2000)[:2000])]
    assert (1, 20, 5.0, 1000000009) in table(con, "ratings")


def test_line_numbers_are_right_far_into_a_file(tmp_path: Path) -> None:
    good = "".join(f"{i},10,4.5,1000000000\n" for i in range(200_000))
    con = loaded(tmp_path, csv_with(ratings=HEADER + good + "oops\n" + good.replace(",10,", ",20,") + "last"))
    assert table(con, "quarantine") == [
        ("ratings.csv", 200_002, "unparsable", "oops"), ("ratings.csv", 400_003, "unparsable", "last")
    ]  # fmt: skip
    assert ("ratings.csv", 400_002, 2) in table(con, "files")
    assert con.execute("SELECT count(*), min(user_id), max(user_id) FROM core.ratings").fetchall() == [
        (400_000, 0, 199_999)
    ]


@pytest.mark.parametrize(
    ("content", "lines", "odd"),
    [(b"", 0, False), (b"a", 1, False), (b"a\n", 1, False), (b"a\nb", 2, False), (b"a\r\nb\r\n", 2, False),
     (b"a\rb\n", 1, True), (b"a\rb\r", 1, True), (b"a\nb\r\n", 2, True), (b"a\rb\r\nc\n", 2, True),
     (b"\n\n", 2, False), (b"\r\n\n\r", 3, True)],
)  # fmt: skip
def test_facts_of_a_file(content: bytes, lines: int, odd: bool, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    facts = facts_of(path)
    assert (facts.lines, facts.odd_line_ends, facts.bytes) == (lines, odd, len(content))
    assert facts.sha256 == hashlib.sha256(content).hexdigest()


def test_a_line_end_over_two_chunks_is_one_line_end(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a" * ((1 << 22) - 1) + b"\r\n" + b"b\r\n")
    assert (facts_of(path).lines, facts_of(path).odd_line_ends) == (2, False)


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="cannot be read"):
        facts_of(tmp_path / "gone")


def test_normalised_lines_are_whole_and_numbered(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b'\xef\xbb\xbffirst\r\n\r\n "q\t,\rf\xfcnf\n\xc3\xa9\x1f\x1e\x1f\x00')
    copy = normalised(source, tmp_path / "copy")
    with duckdb.connect() as con:
        assert con.execute(f"FROM {lines_of(copy)}").fetchall() == [
            (1, "first"), (2, None), (3, ' "q\t,'), (4, "fünf"), (5, "é \x00"),
        ]  # fmt: skip


def test_reading_of_names_the_columns_of_each_file(tmp_path: Path) -> None:
    source = recognise(write(tmp_path / "f", frame("ml-100k")))
    readings = {file.role: reading_of(file, source.layout) for file in source.files}
    assert {role: (r.delimiter, len(r.columns), r.numbers) for role, r in readings.items()} == {
        "movies": ("|", 24, False), "users": ("|", 5, False), "ratings": ("\t", 4, True)
    }  # fmt: skip
