"""A record is not a line: whatever quoted fields hold, each is one record, and every way to read gives the same."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_frames import RATINGS, frame, fuzzing, load, table, warehouse_in_memory, write

from recengine.movielens import copies, files

TEXT = st.text(st.sampled_from('ab"",,;\n\r\t |é\x1e\x1c\x00'), max_size=8)
PLAIN = st.text(st.sampled_from("ab;\t |é"), max_size=6)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse_in_memory() as con:
        yield con


def written(header: list[str], rows: list[list[str]], end: str, quoting: Any, last: bool) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end, quoting=quoting)
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue() if last else out.getvalue().removesuffix(end)


def read(text: str) -> list[tuple[int, list[str]]]:
    """Python's own reading, with the line on which each record begins; every line end is one line break."""
    reader = csv.reader(io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n"), newline="\n"))
    records, line = [], 1
    for record in reader:
        records.append((line, record))
        line = reader.line_num + 1
    return records[1:]


@pytest.mark.parametrize("quoted", [False, True])
@fuzzing
@given(data=st.data())
def test_both_ways_and_pythons_csv_agree(
    quoted: bool, data: st.DataObject, con: duckdb.DuckDBPyConnection
) -> None:
    cells = TEXT if quoted else PLAIN
    end, last = data.draw(st.sampled_from(["\n", "\r\n", "\r"])), data.draw(st.booleans())
    # The writer only knows the line breaks of its own line end for a reason to quote.
    minimal = not quoted or (end == "\r\n" and data.draw(st.booleans()))
    quoting = csv.QUOTE_MINIMAL if minimal else csv.QUOTE_ALL
    films = [["10", "A", "x", "n"]] + [
        [str(20 + i), *data.draw(st.tuples(cells, cells, cells))] for i in range(3)
    ]
    notes = [[str(u), str(m), str(s), str(t), data.draw(cells)] for u, m, s, t in RATINGS]
    movies = written(["movieId", "title", "genres", "note"], films, end, quoting, last)
    ratings = written(["userId", "movieId", "rating", "timestamp", "note"], notes, end, quoting, last)
    found = []
    for whole in (True, False):
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            if not whole:
                patch.setattr(files, "is_read_whole", lambda *_: False)
            (Path(folder) / str(whole)).mkdir()
            report = load(
                con, write(Path(folder) / str(whole), {"movies.csv": movies, "ratings.csv": ratings})
            )
            rows = con.execute("SELECT movie_id, line, title, genres FROM raw.movies ORDER BY ALL").fetchall()
            found.append((rows, table(con, "quarantine"), table(con, "ratings"), report.repeated_ratings))
    assert found[0] == found[1]
    titles = [(int(record[0]), line, shown(record[1])) for line, record in read(movies) if shown(record[1])]
    assert [row[:3] for row in found[0][0]] == titles
    missing = [("movies.csv", line, "missing title") for line, record in read(movies) if not shown(record[1])]
    assert [row[:3] for row in found[0][1] if row[0] == "movies.csv"] == missing
    assert found[0][3] + len(found[0][2]) + len([row for row in found[0][1] if row[0] == "ratings.csv"]) == 3


def shown(title: str) -> str:
    """A title as it is stored: the letters we use ourselves are blanks, and none are around it."""
    for ours in (copies.NO_DELIMITER, copies.LINE_BREAK, copies.OVERLONG):
        title = title.replace(ours, " ")
    return title.strip(" \t\n\r")


def test_a_title_with_line_breaks_costs_nothing_and_line_numbers_stay(
    tmp_path: Path, con: duckdb.DuckDBPyConnection
) -> None:
    more = '40,"Two\r\nlines, ""quoted"" (2001)",Drama\r\n50,"A\n\nB","Drama"\n60,,Drama\n'
    ratings = "1,40,4,1000000003\n1,99,4,1000000004\n"
    load(con, write(tmp_path / "f", frame("csv", movies=more, ratings=ratings)))
    assert table(con, "movies")[3:] == [
        (40, 'Two\nlines, "quoted" (2001)', 2001, ["Drama"]),
        (50, "A\n\nB", None, ["Drama"]),
    ]
    assert table(con, "quarantine") == [
        ("movies.csv", 10, "missing title", "60,,Drama"),
        ("ratings.csv", 6, "unknown movie", "1,99,4,1000000004"),
    ]


def test_an_unclosed_quote_swallows_nothing(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    good = "".join(f'{i},"Film, {i}",Drama\n' for i in range(100, 3000))
    for broken in ('40,"Open,Drama\n', '40,"Open\n', '40,A,"Drama\n', '40,"A" b,"x\n'):
        load(con, write(tmp_path / "f", frame("csv", movies=broken + good + '50,"Last one,Drama\n')))
        assert len(table(con, "movies")) == 3 + 2900
        assert [row[1:3] for row in table(con, "quarantine")] == [
            (5, "unclosed quote"),
            (2906, "unclosed quote"),
        ]
    load(con, write(tmp_path / "f", frame("csv", movies=good.replace('"', "", 1))))
    assert [row[1:3] for row in table(con, "quarantine")] == [(5, "unclosed quote")]


def test_a_quote_inside_a_bare_field_is_a_letter(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    load(con, write(tmp_path / "f", frame("csv", movies='40,7" of rain,Drama\n50,The "Best",Drama\n')))
    assert [row[:2] for row in table(con, "movies")[3:]] == [(40, '7" of rain'), (50, 'The "Best"')]


@pytest.mark.parametrize("title", ["\t", " \t ", "\u00a0", '"\n"', "\u2003"])
def test_a_title_of_blanks_is_none(title: str, tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    load(con, write(tmp_path / "f", frame("csv", movies=f"40,{title},Drama\n")))
    assert [row[1:3] for row in table(con, "quarantine")] == [(5, "missing title")]


def test_an_underscore_is_no_digit_in_either_way(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    more = {
        "ratings": "1_0,10,4,1000000000\n1,1_0,4,1000000000\n1,10,4,1_000_000_000\n",
        "movies": "4_0,A,\n",
    }
    report = load(con, write(tmp_path / "f", frame("csv", **more)))
    assert report.quarantined_by_reason == {"unparsable": 3, "unparsable id": 1}
    assert table(con, "ratings") == RATINGS


def test_a_tail_of_zeros_does_not_vanish(
    tmp_path: Path, con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recengine.movielens.copies.MAX_LINE_BYTES", 5_000_000)
    monkeypatch.setattr("recengine.movielens.facts.MAX_LINE_BYTES", 5_000_000)
    folder = write(tmp_path / "f", frame("csv"))
    with (folder / "ratings.csv").open("r+b") as file:
        file.truncate((folder / "ratings.csv").stat().st_size + 12_000_000)
    report = load(con, folder)
    assert report.quarantined_by_reason == {"line too long": 1}
    assert table(con, "ratings") == RATINGS
    assert table(con, "quarantine")[0][:2] == ("ratings.csv", 5)
