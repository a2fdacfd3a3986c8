"""The published file explains itself: comments, types, what is never NULL, keys."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import engine_homes
import pytest

from recengine.config import Home
from recengine.serving import queries
from recengine.serving.tables import CONTRACT, TABLES, VIEWS
from recengine.warehouse.connection import published, warehouse


@pytest.fixture
def readers(published_home: Home) -> duckdb.DuckDBPyConnection:
    with published(published_home.serving_link) as con:
        yield con


def test_everything_that_is_seen_is_listed_and_explained(readers: duckdb.DuckDBPyConnection) -> None:
    seen = readers.execute(
        "SELECT table_name, comment FROM duckdb_tables() "
        "UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"
    ).fetchall()
    assert sorted(name for name, _ in seen) == sorted([*TABLES, *VIEWS])
    columns = readers.execute(
        "SELECT table_name || '.' || column_name, comment FROM duckdb_columns() WHERE NOT internal"
    ).fetchall()
    assert len(columns) > 50
    assert [name for name, comment in [*seen, *columns] if not comment or len(comment) < 6] == []


def test_no_time_is_without_a_zone(readers: duckdb.DuckDBPyConnection) -> None:
    kinds = readers.execute(
        "SELECT DISTINCT data_type FROM duckdb_columns() WHERE NOT internal AND data_type LIKE 'TIMESTAMP%'"
    ).fetchall()
    assert kinds == [("TIMESTAMP WITH TIME ZONE",)]


def test_times_are_the_instants_of_the_warehouse_in_any_session(home: Home) -> None:
    engine_homes.published(home)
    with warehouse(home.warehouse) as con:
        [(scored, user, rated)] = con.execute(
            "SELECT generated_at, user_id, last_rated_at FROM scores.origin, core.users ORDER BY user_id LIMIT 1"
        ).fetchall()
    with duckdb.connect(str(home.serving_link), read_only=True) as con:
        con.execute("SET TimeZone = 'America/New_York'")
        [(at,)] = con.execute("SELECT generated_at FROM publication").fetchall()
        [(last,)] = con.execute("SELECT last_rated_at FROM users WHERE user_id = ?", [user]).fetchall()
    assert (at, last) == (scored.replace(tzinfo=UTC), rated.replace(tzinfo=UTC))
    assert at.utcoffset() != datetime.now(UTC).utcoffset()


def test_genres_are_a_list_and_a_text(readers: duckdb.DuckDBPyConnection) -> None:
    rows = readers.execute("SELECT genres, genres_text FROM recommendations_detailed").fetchall()
    assert all("|".join(genres) == text for genres, text in rows)
    [(by_text, by_list)] = readers.execute(
        "SELECT count(*) FILTER (genres_text LIKE '%Drama%'), count(*) FILTER ('Drama' = ANY(genres)) FROM movies"
    ).fetchall()
    assert by_text == by_list > 0


def test_new_names_are_the_old_numbers(readers: duckdb.DuckDBPyConnection) -> None:
    for table, name in (("similar_movies", "similarity"), ("popular_movies", "popularity")):
        [(rows, wrong)] = readers.execute(
            f"SELECT count(*), count(*) FILTER ({name} IS DISTINCT FROM score) FROM {table}"
        ).fetchall()
        assert rows > 0 == wrong


@pytest.mark.parametrize(
    ("statement", "objection"),
    [
        ("INSERT INTO movies FROM movies LIMIT 1", "Duplicate key"),
        ("INSERT INTO users FROM users LIMIT 1", "Duplicate key"),
        ("INSERT INTO popular_movies FROM popular_movies LIMIT 1", "Duplicate key"),
        ("UPDATE recommendations SET score = NULL", "NOT NULL"),
        ("UPDATE movies SET genres_text = NULL", "NOT NULL"),
    ],
)
def test_what_holds_is_declared(
    published_home: Home, statement: str, objection: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = engine_homes.copy_of(published_home, tmp_path_factory.mktemp("declared") / "home")
    path = copy.serving_link.resolve()
    path.chmod(0o600)
    with duckdb.connect(str(path)) as con, pytest.raises(duckdb.ConstraintException, match=objection):
        con.execute(statement)


def test_a_file_says_its_contract(published_home: Home) -> None:
    assert queries.sql(published_home, "SELECT contract FROM publication")["contract"].tolist() == [CONTRACT]
