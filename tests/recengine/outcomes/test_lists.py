"""The lists of past versions: kept when readers see them, whole, compact, and without who left."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from engine_homes import published

from recengine import publish
from recengine.config import Home
from recengine.knobs.stages import PublishConfig, RetentionConfig
from recengine.outcomes import lists
from recengine.serving import retention
from recengine.serving.versions import path_of, versions
from recengine.upkeep import forget, repair
from recengine.warehouse.connection import warehouse


def rows_in(home: Home, version: str) -> list[tuple[object, ...]]:
    """(user, rank, movie) of a version's kept lists."""
    query = "SELECT user_id, generate_subscripts(movies, 1) AS rank, unnest(movies) FROM read_parquet(?) ORDER BY ALL"
    return duckdb.execute(query, [str(lists.path_of(home, version))]).fetchall()


def published_rows(home: Home, version: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path_of(home, version)), read_only=True) as con:
        return con.execute("SELECT user_id, rank, movie_id FROM recommendations ORDER BY ALL").fetchall()


def test_every_publication_keeps_its_lists_and_they_outlive_its_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "RANGE_USERS", 7)  # several ranges, the last one short
    first = published(home)
    rows = published_rows(home, first)
    assert rows_in(home, first) == rows
    assert len(rows) == 200
    assert stat.S_IMODE(lists.path_of(home, first).stat().st_mode) == 0o600
    [about] = duckdb.execute(
        "SELECT DISTINCT variant, model_id FROM read_parquet(?)", [str(lists.path_of(home, first))]
    ).fetchall()
    with warehouse(home.warehouse) as con:
        assert con.execute("SELECT NULL, model_id FROM scores.origin").fetchall() == [about]
        second = publish.publish(con, home, PublishConfig(keep_versions=1)).version
    assert versions(home) == [second]
    assert lists.kept(home) == [first, second]
    assert rows_in(home, first) == rows


def test_a_version_that_no_reader_saw_keeps_no_lists(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publish, "point_to", killed)
        with pytest.raises(KeyboardInterrupt):
            published(home)
    assert len(lists.kept(home)) == 1
    seen = published(home)
    assert lists.kept(home) == [seen]


def test_lists_that_are_missing_come_from_files_that_are_kept(home: Home) -> None:
    version = published(home)
    before = lists.path_of(home, version).read_bytes()
    lists.path_of(home, version).unlink()
    repair.look_over(home)
    assert lists.path_of(home, version).read_bytes() == before


def test_one_damaged_file_is_set_aside_in_one_sentence(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    first = published(home)
    with warehouse(home.warehouse) as con:
        second = publish.publish(con, home, PublishConfig(keep_versions=1)).version
    path = lists.path_of(home, first)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    assert lists.sound(home, first) is None
    [sentence] = [record.getMessage() for record in caplog.records if "is damaged" in record.getMessage()]
    assert sentence.endswith(f"ratings made while version {first} was live are counted no more.")
    assert lists.kept(home) == [second]
    assert lists.sound(home, second) == lists.path_of(home, second)
    assert lists.sound(home, first) is None  # said once
    lists.path_of(home, second).write_bytes(b"PAR1")
    assert lists.sound(home, second) is None
    repair.look_over(home)
    assert lists.sound(home, second) == lists.path_of(home, second)


def test_who_is_forgotten_leaves_every_list_and_nobody_else_does(home: Home) -> None:
    first = published(home)
    with warehouse(home.warehouse) as con:
        second = publish.publish(con, home, PublishConfig(keep_versions=1)).version
    lists.path_of(home, "20200101-000000-000").write_bytes(b"torn")
    before = {version: rows_in(home, version) for version in (first, second)}
    report = forget.forget(home, [3, 40])
    assert report.lists == ["20200101-000000-000", first, second]
    for version, rows in before.items():
        assert rows_in(home, version) == [row for row in rows if row[0] not in (3, 40)]
        assert len(rows_in(home, version)) == len(rows) - 10
        file = pq.ParquetFile(lists.path_of(home, version))
        assert file.metadata.row_group(0).column(3).compression == "ZSTD"
    assert lists.kept(home) == [first, second]
    assert [path.name for path in home.lists.iterdir() if not path.name.endswith(".parquet")] == []


def test_lists_go_when_they_are_old_and_no_rollback_needs_them(home: Home) -> None:
    version = published(home)
    old = f"{datetime.now(UTC) - timedelta(days=12):%Y%m%d}-020000-000"
    recent = f"{datetime.now(UTC) - timedelta(days=10):%Y%m%d}-020000-000"
    for name in (old, recent):
        lists.path_of(home, name).write_bytes(lists.path_of(home, version).read_bytes())
    with warehouse(home.warehouse) as con:
        assert retention.prune(con, home, RetentionConfig(lists_days=11)).files == 1
    assert lists.kept(home) == [recent, version]
    assert lists.prune(home, 1, [version]) == 1


def test_a_hundred_thousand_users_cost_less_than_a_megabyte_a_night(tmp_path: Path) -> None:
    """Ten of 4,000 movies each, popular ones more often: what a year of nights is reckoned from."""
    home, file = Home.at(tmp_path / "home"), tmp_path / "published.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute(
            "CREATE TABLE recommendations AS SELECT user_id, rank::INTEGER AS rank, 'ease-1' AS model_id, "
            "(hash(user_id * 10 + rank) % 1000 * (hash(rank - user_id) % 1000) // 10000)::BIGINT AS movie_id "
            "FROM range(100000) AS users(user_id), range(1, 11) AS ranks(rank)"
        )
    assert lists.keep(home, "20260101-000000-000", file).stat().st_size < 1_000_000
