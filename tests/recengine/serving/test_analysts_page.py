"""docs/analysts.md says the truth: every table with its columns and types, and queries that run."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from recengine.config import Home
from recengine.serving import queries

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "analysts.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, flags=re.DOTALL)
SECTIONS = {section.split("\n", 1)[0]: section for section in PAGE.split("\n### ")[1:]}


def test_each_table_has_the_columns_of_the_page_and_the_page_has_each_table(published_home: Home) -> None:
    with duckdb.connect(str(published_home.serving_link), read_only=True) as con:
        columns = con.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal "
            "ORDER BY table_name, column_index"
        ).fetchall()
    described = [
        (table, *row)
        for table, section in sorted(SECTIONS.items())
        for row in re.findall(r"^\| (\w+) \| ([A-Z(), \[\]]+) \|", section, flags=re.MULTILINE)
    ]
    assert described == columns


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.split("\n")[0][:60])
def test_query_runs(published_home: Home, query: str) -> None:
    found = queries.sql(published_home, query)
    # The user and the segment of two of them are not among the test's forty users.
    assert len(found) or "user_id = 42" in query or "'F 25-34'" in query


def test_there_are_queries() -> None:
    assert len(QUERIES) >= 8
