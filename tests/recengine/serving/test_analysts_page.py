"""docs/analysts.md and docs/tables.md say the truth: queries that run, and every table as its comments have it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recengine.config import Home
from recengine.serving import dictionary, queries
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import memory

DOCS = Path(__file__).resolve().parents[3] / "docs"
TABLES = DOCS / "tables.md"
PAGE = (DOCS / "analysts.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_page_of_tables_is_what_the_comments_say() -> None:
    assert TABLES.read_text(encoding="utf-8") == dictionary.text(), (
        "python -m recengine.serving.dictionary > docs/tables.md"
    )


def test_a_published_file_says_what_the_page_says(published_home: Home) -> None:
    with memory() as con:
        con.execute(f"ATTACH '{published_home.serving_link}' AS published (READ_ONLY)")
        rows = sqlfiles.run(con, "reading/dictionary").fetchall()
    page = TABLES.read_text(encoding="utf-8")
    assert len(rows) > 50
    for table, about, column, kind, holds, comment in rows:
        section = page.split(f"\n## {table}\n")[1].split("\n## ")[0]
        assert about in section
        assert f"| {column} | {kind}{f' *{holds}*' if holds else ''} | {comment} |" in section.replace(
            "\\|", "|"
        )


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.split("\n")[0][:60])
def test_query_runs(published_home: Home, query: str) -> None:
    found = queries.sql(published_home, query)
    # The user and the segment of two of them are not among the test's forty users.
    assert len(found) or "user_id = 42" in query or "'F 25-34'" in query


def test_there_are_queries() -> None:
    assert len(QUERIES) >= 8
