"""Exports to a real PostgreSQL: what readers see there, in whatever transaction, and what a failure leaves."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import postgres_servers
import pytest
from published_files import TITLES, VERSIONS, publish_by_hand

from recengine.config import Home
from recengine.errors import BadInput
from recengine.serving import exports
from recengine.serving.exports import export_to
from recengine.serving.versions import path_of

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: pip install '.[postgres]'")
postgres_load = pytest.importorskip("recengine.serving.exports.postgres_load")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_servers.server() as address:
        yield address


@pytest.fixture
def address(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database without anything in it; the environment holds the password."""
    monkeypatch.setenv("PGPASSWORD", postgres_servers.PASSWORD)
    with psycopg.connect(server, autocommit=True) as con:
        for schema in ("recengine", "bi", "lists"):
            con.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        con.execute("DROP ROLE IF EXISTS analyst")
    return server


@pytest.fixture
def own_home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "home")
    publish_by_hand(home, VERSIONS[0])
    publish_by_hand(home, VERSIONS[1], users=60, score=2.0)
    return home


def exported(home: Home, address: str, version: str = VERSIONS[0]) -> None:
    export_to(home, path_of(home, version), f"postgres {address}")


def rows(con: Any, query: str) -> list[Any]:
    found: list[Any] = con.execute(query).fetchall()
    return found


BEST = "SELECT count(*), max(score) FROM recengine.recommendations"
OLD, NEW = [(200, 1.0)], [(240, 2.0)]


def test_every_table_is_there_with_types_keys_and_comments(own_home: Home, address: str) -> None:
    exported(own_home, address)
    with psycopg.connect(address) as con:
        titles = rows(con, "SELECT title, genres, categories FROM recengine.movies ORDER BY movie_id")
        assert titles == [(t, [t, "Drama", None], {"director": ['O\'Neil "x"']}) for t in TITLES]
        types = dict(
            rows(
                con,
                "SELECT table_name || '.' || column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = 'recengine'",
            )
        )
        assert types["movies.genres"] == "ARRAY"
        assert types["publication.metrics"] == types["movies.categories"] == "jsonb"
        assert types["users.first_rated_at"] == "timestamp with time zone"
        assert types["recommendations.score"] == "real"
        assert (
            rows(con, "SELECT first_rated_at FROM recengine.users ORDER BY user_id LIMIT 1")[0][0]
            .isoformat()
            .startswith("2020-01-01T00:00:00")
        )
        assert rows(con, BEST) == OLD
        assert rows(con, "SELECT metrics ->> 'ndcg@10' FROM recengine.publication") == [("0.5",)]
        keys = rows(
            con,
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE contype = 'p' AND connamespace = 'recengine'::regnamespace ORDER BY conname",
        )
        assert keys == [
            ("movies_key", "PRIMARY KEY (movie_id)"),
            ("recommendations_key", "PRIMARY KEY (user_id, rank)"),
        ]
        # a table without a key is found by the id it begins with
        assert rows(con, "SELECT indexdef FROM pg_indexes WHERE indexname = 'reasons_key'") == [
            ("CREATE INDEX reasons_key ON recengine.reasons USING btree (user_id)",)
        ]
        assert rows(con, "SELECT obj_description('recengine.movies'::regclass)") == [
            ("One row a movie's id",)
        ]
        assert rows(con, "SELECT col_description('recengine.movies'::regclass, 3)") == [("A list",)]
        assert rows(con, "SELECT obj_description('recengine.recommendations_detailed'::regclass)") == [
            ("With titles",)
        ]
        detailed = rows(
            con, "SELECT count(*), min(title) FROM recengine.recommendations_detailed WHERE movie_id = 1"
        )
        assert detailed == [(50, TITLES[0])]
        manifest = rows(con, "SELECT name, kind, rows, version FROM recengine.export_manifest ORDER BY place")
        assert ("recommendations", "table", 200, VERSIONS[0]) in manifest
        assert manifest[-1][0] == "export_manifest"
        with pytest.raises(psycopg.errors.NotNullViolation):
            con.execute("INSERT INTO recengine.movies (movie_id) VALUES (99)")


def test_an_export_replaces_its_own_and_keeps_who_may_read(
    own_home: Home, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        exported(own_home, address)
    assert "PostgreSQL does not take the view odd" in caplog.text
    with psycopg.connect(address, autocommit=True) as con:
        con.execute("CREATE ROLE analyst")
        con.execute(
            "GRANT SELECT ON recengine.recommendations, recengine.recommendations_detailed TO analyst"
        )
        con.execute("GRANT SELECT ON recengine.movies TO PUBLIC")
        con.execute("CREATE TABLE recengine.notes (text text)")
        exported(own_home, address, VERSIONS[1])
        exported(own_home, address, VERSIONS[1])
        assert rows(con, BEST) == NEW
        may = "SELECT has_table_privilege('analyst', 'recengine.{}', 'SELECT')"
        told = [
            rows(con, may.format(name))[0][0]
            for name in ("recommendations", "recommendations_detailed", "movies")
        ]
        assert told == [True] * 3
        assert not rows(con, may.format("users"))[0][0]
        names = {name for (name,) in rows(con, "SELECT relname FROM pg_class WHERE relname LIKE '%~%'")}
        assert not names
        assert rows(con, "SELECT count(*) FROM recengine.notes") == [(0,)], "what is not ours stays"
        con.execute("DROP SCHEMA recengine CASCADE")
        con.execute("DROP ROLE analyst")


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_a_reader_in_a_transaction_sees_all_old_or_all_new(
    own_home: Home, address: str, isolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(own_home, address)
    monkeypatch.setattr(postgres_load, "LOOK_SECONDS", 0.02)
    with psycopg.connect(address) as early, psycopg.connect(address) as late:
        early.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        late.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        assert rows(early, "SELECT version FROM recengine.publication") == [(VERSIONS[0],)]
        rows(late, "SELECT 1 FROM pg_class LIMIT 1")  # has its snapshot, but read none of ours
        exporting = threading.Thread(target=exported, args=(own_home, address, VERSIONS[1]))
        exporting.start()
        exporting.join(2)
        assert exporting.is_alive(), "it waits for the reader"
        assert rows(early, BEST) == OLD, "a table that it had not read yet"
        with psycopg.connect(address) as meanwhile:  # nobody waits behind the export that waits
            meanwhile.execute("SET lock_timeout = '1s'")
            assert rows(meanwhile, BEST) == OLD
        early.rollback()
        exporting.join(20)
        assert not exporting.is_alive()
        assert rows(late, BEST) == NEW, "not an empty table, although its snapshot is older than the rows"
        assert rows(late, "SELECT version FROM recengine.publication") == [(VERSIONS[1],)]
        assert rows(early, BEST) == NEW


def test_a_reader_who_stays_too_long_is_named_and_the_old_tables_stay(
    own_home: Home, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(own_home, address)
    monkeypatch.setattr(postgres_load, "LOCK_WAIT_SECONDS", 0.1)
    with psycopg.connect(address, application_name="tableau") as reader:
        rows(reader, BEST)
        with pytest.raises(
            BadInput, match=r"in use for 0 s by process \d+ \(recs, tableau\), in a transaction"
        ):
            exported(own_home, address, VERSIONS[1])
        assert rows(reader, BEST) == OLD
    exported(own_home, address, VERSIONS[1])


def test_what_others_made_is_never_dropped(own_home: Home, address: str) -> None:
    with psycopg.connect(address, autocommit=True) as con:
        con.execute("CREATE SCHEMA recengine")
        con.execute("CREATE TABLE recengine.users AS SELECT 7 AS mine")
        with pytest.raises(
            BadInput, match=r"recengine.users is there and no export made it; name another schema"
        ):
            exported(own_home, address)
        exported(own_home, f"{address}?schema=lists&connect_timeout=5")
        assert rows(con, "SELECT count(*) FROM lists.users") == [(50,)]
        assert rows(con, "SELECT mine FROM recengine.users") == [(7,)]
        con.execute("CREATE SCHEMA bi")
        con.execute("CREATE VIEW bi.best AS SELECT * FROM lists.recommendations WHERE rank = 1")
        with pytest.raises(BadInput, match=r"view bi.best depends on table recommendations, and an export"):
            exported(own_home, f"{address}?schema=lists", VERSIONS[1])
        assert rows(con, "SELECT version FROM lists.publication") == [(VERSIONS[0],)]


def test_a_failure_leaves_the_old_tables(
    own_home: Home, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(own_home, address)
    with monkeypatch.context() as broken:
        broken.setattr(postgres_load.Load, "_grant", lambda *told: (_ for _ in ()).throw(OSError("torn")))
        with pytest.raises(OSError, match="torn"):
            exported(own_home, address, VERSIONS[1])
    with psycopg.connect(address) as con:
        assert rows(con, BEST) == OLD
        assert not rows(con, "SELECT 1 FROM pg_class WHERE relname LIKE '%~%'")


KILLED = """
import sys, time
from pathlib import Path
from recengine.config import Home
from recengine.serving.exports import export_to, postgres_load
from recengine.serving.versions import path_of

def halt(*_, **__):
    print("stands", flush=True)
    time.sleep(60)

setattr(postgres_load.Load, sys.argv[1], halt)
home = Home(Path(sys.argv[2]))
export_to(home, path_of(home, sys.argv[3]), f"postgres {sys.argv[4]}")
"""


@pytest.mark.parametrize("stage", ["_index", "_grant"])
def test_killed_in_the_middle_the_old_tables_stay_and_the_next_export_just_works(
    own_home: Home, address: str, stage: str
) -> None:
    """Once while tables are loaded, once when all of it is done but the commit."""
    exported(own_home, address)
    path = os.pathsep.join(part for part in sys.path if part)
    told = [sys.executable, "-c", KILLED, stage, str(own_home.root), VERSIONS[1], address]
    with subprocess.Popen(
        told, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stands\n"
        process.send_signal(signal.SIGKILL)
    with psycopg.connect(address) as con:
        assert rows(con, BEST) == OLD
    exported(own_home, address, VERSIONS[1])
    with psycopg.connect(address) as con:
        assert rows(con, BEST) == NEW


def test_a_password_is_in_the_environment_and_nowhere_else(
    own_home: Home, address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = address.replace("recs@", f"recs:{postgres_servers.PASSWORD}@")
    for name, sentence in {
        f"postgres {told}": "PGPASSWORD",
        "postgres /mnt": "needs the address of a database",
    }.items():
        with pytest.raises(BadInput, match=sentence) as said:
            exports.check([name])
        assert postgres_servers.PASSWORD not in str(said.value)
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    problems = exports.export(own_home, path_of(own_home, VERSIONS[0]), [f"postgres {address}"])
    assert "no password supplied" in problems[f"postgres {address}"]
    monkeypatch.setenv("OUR_DATABASE", told)
    assert exports.export(own_home, path_of(own_home, VERSIONS[0]), ["postgres env:OUR_DATABASE"]) == {}
    monkeypatch.setenv("OUR_DATABASE", told.replace("hunter2", "%hunter2%"))
    problems = exports.export(own_home, path_of(own_home, VERSIONS[0]), ["postgres env:OUR_DATABASE"])
    assert "no address that PostgreSQL can read" in problems["postgres env:OUR_DATABASE"]
    assert postgres_servers.PASSWORD not in caplog.text + str(problems)
