"""A path names one file, whatever characters it holds: DuckDB sees no pattern, no scheme and no columns in it."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from recengine.config import Home
from recengine.errors import BadInput, legible
from recengine.warehouse.connection import published, warehouse
from recengine.warehouse.sqlfiles import load, path_literal, scan_of

ROOT = Path(__file__).parents[3]
ROOMS = ("recengine", "flows", "benchmarks")
SOURCES = [file for room in ROOMS for file in (ROOT / room).rglob("*.*") if file.suffix in (".py", ".sql")]
NASTY = ["rating=5", "user_id=7", "rating=x", "a*", "**", "a?", "[ab]", "[!a]", "a]b", "{a,b}", "a'b", 'a"b']
NASTY += [
    "a\\b",
    "a\\*b",
    "~",
    "file:",
    "s3:",
    "-dash",
    "x?access=1",
    "a\nb",
    "a%20b",
    "$HOME",
    "c�*",
    "{file_id}",
]


def read(con: duckdb.DuckDBPyConnection, file: Path) -> list[tuple[str, str]]:
    columns = "{'rating': 'VARCHAR', 'said': 'VARCHAR'}"
    options = f"header = false, auto_detect = false, delim = ',', columns = {columns}"
    return con.execute(f"FROM read_csv({scan_of(file)}, {options})").fetchall()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(alphabet="ab=*?[]{}\\'\"~:!-^,.%$ \n\udcff", min_size=1, max_size=7))
@example("*")
@example("a\\*")
@example("[^a]")
def test_only_the_named_file_is_read(tmp_path: Path, name: str) -> None:
    """Its neighbours match every pattern that its name could be taken for."""
    if name in (".", ".."):
        return
    folder = tmp_path / f"rating={len(list(tmp_path.iterdir()))}" / name
    folder.mkdir(parents=True)
    for other in {"a", "b", "ab", "aa", "ba", "=", "\\", name} - {name}:
        (folder / other).write_text("4,neighbour\n")
    (folder / name).write_text("3,itself\n")
    with duckdb.connect() as con:
        assert read(con, folder / name) == [("3", "itself")]
        written = folder / f"{name}.parquet"
        if legible(name) != name:
            with pytest.raises(BadInput, match="UTF-8"):
                path_literal(written)
            return
        con.execute(f"COPY (SELECT 3 AS rating) TO {path_literal(written)} (FORMAT parquet)")
        assert written.is_file()
        assert con.execute(f"FROM read_parquet({scan_of(written)})").fetchall() == [(3,)]


@pytest.mark.parametrize("name", NASTY)
def test_a_home_is_where_it_says_or_refused(tmp_path: Path, name: str) -> None:
    """Where DuckDB would put its log elsewhere, no home is made; else both databases are written and read."""
    before = sorted(tmp_path.rglob("*"))
    if re.search(r"[?\\\udcff]", name):
        with pytest.raises(BadInput, match="choose another folder with --home"):
            Home.at(tmp_path / name)
        assert sorted(tmp_path.rglob("*")) == before
        return
    home = Home.at(tmp_path / name)
    with warehouse(home.warehouse) as con:
        con.execute(f"ATTACH {path_literal(home.root / 'served.duckdb')} AS out")
        con.execute("CREATE TABLE out.t AS SELECT 1 AS a")
        con.execute("DETACH out")
    with published(home.root / "served.duckdb") as one, published(home.root / "served.duckdb") as other:
        assert one.execute("FROM t").fetchall() == other.execute("FROM t").fetchall() == [(1,)]
    assert {file.name for file in home.root.iterdir()} == {"warehouse.duckdb", "served.duckdb"}
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_value_in_a_sql_file_is_only_that() -> None:
    """It may hold line breaks and the names of other values, and stays out of the comments."""
    text = load("ingest/ratings", file_id="7", records="(FROM 'a\n{file_id}')")
    assert text.count("(FROM 'a\n{file_id}')") == 1
    assert "raw.ratings_7" in text


def test_no_other_place_hands_duckdb_a_path() -> None:
    """Scans take ``scan_of``, ATTACH and COPY ``path_literal``; files are opened in ``warehouse.connection``."""
    helped = r"\{(?:sqlfiles\.)?%s\("
    rules = {
        r"(?<!pd\.)\b(?:read_\w+|parquet_\w+|sniff_csv|glob|from_\w+)\((?=[\{'$?])": helped % "scan_of",
        r"\bATTACH (?!':memory:')(?=[\{'$?])": helped % "path_literal",
        r"\b(?:TO|EXPORT DATABASE|IMPORT DATABASE) (?=\{\w|['$?])": helped % "path_literal",
    }
    allowed = {
        "connection.py",
        "floors.py",
        "night.py",
    }  # the latter: a file to measure; a line that is printed
    found = []
    for file in SOURCES:
        text = file.read_text(encoding="utf-8")
        for start, helper in rules.items():
            places = re.finditer(start, text)
            found += [(file.name, place[0]) for place in places if not re.match(helper, text[place.end() :])]
        if file.name not in allowed:
            found += [(file.name, place) for place in re.findall(r"duckdb\.connect\((?!\)|config=).*", text)]
    assert found == []
