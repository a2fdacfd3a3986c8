"""docs/analysts.md and docs/tables.md say the truth: queries that run, and every table as its comments have it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from engine_homes import copy_of

from recengine import publish
from recengine.config import Home
from recengine.serving import dictionary, queries
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import memory, warehouse

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


@pytest.fixture(scope="module")
def second(published_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a second version, whose lists are a row shorter, and with outcomes of a day."""
    home = copy_of(published_home, tmp_path_factory.mktemp("second") / "home")
    with warehouse(home.warehouse) as con:
        con.execute("DELETE FROM scores.recommendations WHERE rank = 5")
        con.execute("UPDATE scores.origin SET top_n = 4")
        con.execute(
            "INSERT INTO ops.outcomes "
            "SELECT dataset, '20260301-020000-000', model_id, variant, '2026-03-01', rank, 9, 1, 9, 0 "
            "FROM scores.origin, range(1, 5) AS ranks(rank), unnest(['m', 'm+diversity']) AS variants(variant)"
        )
        publish.publish(con, home)
    return home


# A user and a segment that are not among the test's forty users, and users without a list, of whom there are none.
EMPTY = ("user_id = 42", "'F 25-34'", "HAVING rows <")


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.split("\n")[0][:60])
def test_query_runs(second: Home, query: str) -> None:
    found = queries.sql(second, query)
    assert len(found) or any(words in query for words in EMPTY)


def test_there_are_queries() -> None:
    assert len(QUERIES) >= 14
