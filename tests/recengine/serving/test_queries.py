"""What readers ask of the published file: lists, SELECTs and nothing else, status."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from engine_homes import copy_of, published

from recengine import publish
from recengine.config import Home
from recengine.errors import BadInput, NotReady
from recengine.serving import queries as reading
from recengine.serving.versions import current_version
from recengine.warehouse.connection import warehouse


def test_known_user(published_home: Home) -> None:
    found = reading.top(published_home, 1)
    assert found["rank"].tolist() == [1, 2, 3, 4, 5]
    assert list(found.columns) == [
        *("rank", "movie_id", "title", "year", "genres", "score", "predicted_rating", "source")
    ]
    assert set(found["source"]) == {"recommendations"}
    with duckdb.connect(str(published_home.serving_link), read_only=True) as con:
        rows = con.execute(
            "SELECT movie_id, title FROM recommendations_detailed WHERE user_id = 1 ORDER BY rank"
        ).fetchall()
    assert list(zip(found["movie_id"], found["title"], strict=True)) == rows
    assert reading.top(published_home, 1, 2)["rank"].tolist() == [1, 2]


def test_unknown_user_gets_the_popular_movies(published_home: Home) -> None:
    found = reading.top(published_home, 999_999)
    assert found["rank"].tolist() == [1, 2, 3, 4, 5]
    assert set(found["source"]) == {"popular_movies"}
    assert found["predicted_rating"].isna().all()
    popular = reading.sql(published_home, "FROM popular_movies WHERE segment = 'all' ORDER BY rank LIMIT 5")
    assert found["movie_id"].tolist() == popular["movie_id"].tolist()


def test_user_who_has_rated_everything_gets_nothing(home: Home) -> None:
    with warehouse(home.warehouse) as con:
        [(file,)] = con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE table_name SIMILAR TO 'ratings_[0-9]+'"
        ).fetchall()
        con.execute(
            f"INSERT INTO raw.{file} BY NAME SELECT 1 AS user_id, movie_id, 3 AS rating FROM core.movies "
            "WHERE movie_id NOT IN (SELECT movie_id FROM features.ratings WHERE user_id = 1)"
        )
        for table in ("recommendations", "recommendations_by_genre"):
            con.execute(f"DELETE FROM scores.{table} WHERE user_id = 1")
        publish.publish(con, home)
    assert reading.top(home, 1).empty


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT count(*) FROM recommendations", [200]),
        ("FROM publication SELECT users", [40]),
        ("WITH x AS (SELECT 1 AS a) SELECT a FROM x;", [1]),
        ("SELECT 1 -- ; DROP TABLE users", [1]),
    ],
)
def test_select(published_home: Home, query: str, rows: list[int]) -> None:
    assert reading.sql(published_home, query).iloc[:, 0].tolist() == rows


NOT_A_SELECT = [
    "COPY recommendations TO '{file}'",
    "COPY (SELECT 1) TO '{file}'",
    "EXPORT DATABASE '{file}'",
    "ATTACH '{file}' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET threads = 1",
    "PRAGMA enable_profiling",
    "CREATE TEMP TABLE x AS SELECT 1",
    "DROP TABLE recommendations",
    "DELETE FROM recommendations",
    "CHECKPOINT",
    "EXPLAIN SELECT 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY recommendations TO '{file}'",
    "",
    "   -- nothing",
]
REFUSED_BY_DUCKDB = [
    "FROM read_csv('{file}')",
    "FROM '{file}'",
    "FROM read_text('/etc/hostname')",
    "FROM glob('/etc/*')",
    "SELECT * FROM parquet_scan('{file}')",
    "FROM duckdb_extensions_that_are_not()",
    "SELECT nope FROM recommendations",
    "SELEC 1",
    "FROM statements",  # a variable of the program that runs the query
    "SELECT error('line one\nline two')",
]


@pytest.mark.parametrize("query", NOT_A_SELECT)
def test_anything_but_one_select_is_refused(published_home: Home, query: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Give one SELECT and nothing else"):
        reading.sql(published_home, query.format(file=tmp_path / "x.csv"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("query", REFUSED_BY_DUCKDB)
def test_files_and_mistakes_are_refused_in_one_sentence(
    published_home: Home, query: str, tmp_path: Path
) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("secret\n1\n")
    with pytest.raises(BadInput, match="DuckDB refused the query: ") as caught:
        reading.sql(published_home, query.format(file=file))
    assert "\n" not in str(caught.value)


def test_locked_down_query_leaves_other_readers_alone(published_home: Home) -> None:
    with pytest.raises(BadInput):
        reading.sql(published_home, "FROM read_text('/etc/hostname')")
    assert len(reading.top(published_home, 1)) == 5


def test_nothing_published(scored_home: Home) -> None:
    for ask in (
        reading.status,
        lambda home: reading.top(home, 1),
        lambda home: reading.sql(home, "SELECT 1"),
    ):
        with pytest.raises(NotReady, match=r"Nothing is published under .* yet; run `recengine run` first"):
            ask(scored_home)


def test_status(published_home: Home) -> None:
    found = reading.status(published_home)
    assert found["publication"]["version"] == found["version"] == current_version(published_home)
    assert found["publication"]["metrics"] == {"ndcg@10": 0.25, "rmse": None}
    assert found["versions"] == [found["version"]]
    assert [load["status"] for load in found["loads"]] == ["loaded"]
    assert [row["action"] for row in found["publications"]] == ["published"]


def test_status_while_the_warehouse_is_shut(published_home: Home, tmp_path: Path) -> None:
    home = copy_of(published_home, tmp_path / "home")
    home.warehouse.write_bytes(b"no database")
    assert reading.status(home)["loads"] == []
    home.warehouse.unlink()
    assert reading.status(home)["publications"] == []
    assert not home.warehouse.exists()  # asking makes nothing


def test_after_a_rollback(home: Home) -> None:
    first, second = published(home), published(home)
    with warehouse(home.warehouse) as con:
        publish.rollback(con, home)
    found = reading.status(home)
    assert (found["version"], found["versions"]) == (first, [first, second])
    assert found["publications"][0]["reason"] == f"rolled back from {second}"
