"""Ratings that arrived, joined with the lists that were live when they were made: figures that are known exactly."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import engine_homes
import pytest
from engine_homes import core_of

from recengine import features, publish, score
from recengine.config import Home
from recengine.knobs.stages import PublishConfig, RetentionConfig, ScoreConfig
from recengine.outcomes import hits, lists
from recengine.serving import retention
from recengine.serving.versions import path_of
from recengine.upkeep import forget
from recengine.warehouse.connection import warehouse
from recengine.warehouse.history import contents, publications

USERS, ROWS, NIGHTS = 20, 4, 14
FIRST = datetime(2026, 3, 1, 2)
END = FIRST + timedelta(days=NIGHTS)


def version_of(night: int) -> str:
    return f"{FIRST + timedelta(days=night):%Y%m%d-%H%M%S-000}"


def movie(night: int, user: int, rank: int) -> int:
    """What a user's list of a night has at a rank: another movie for every night, user and rank."""
    return 10_000 * (night + 1) + 100 * user + rank


def keep_lists(home: Home, tmp_path: Path, night: int, variant: str | None = None) -> None:
    """Keep a night's lists: ROWS of every user, the first of whom has one row less."""
    file = tmp_path / f"{night}.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute(
            "CREATE TABLE recommendations (user_id BIGINT, rank INTEGER, movie_id BIGINT, model_id VARCHAR)"
        )
        rows = [
            [user, rank, movie(night, user, rank), "m-1"]
            for user in range(1, USERS + 1)
            for rank in range(1, ROWS + (user > 1))
        ]
        con.executemany("INSERT INTO recommendations VALUES (?, ?, ?, ?)", rows)
        if variant:
            con.execute(f"ALTER TABLE recommendations ADD COLUMN variant VARCHAR DEFAULT '{variant}'")
    lists.keep(home, version_of(night), file)


def publish_lists(con: duckdb.DuckDBPyConnection, home: Home, tmp_path: Path, night: int) -> None:
    keep_lists(home, tmp_path, night)
    publications.add(
        con, "published", version_of(night), publications.Subject("tiny", "m-1", "f"), "a test", {}
    )


def rate(con: duckdb.DuckDBPyConnection, rated: Sequence[tuple[int, int, datetime]]) -> None:
    """Ratings (user, movie, time) arrive."""
    [(table,)] = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'raw' AND table_name ~ 'ratings_\\d+'"
    ).fetchall()
    con.executemany(f"INSERT INTO raw.{table} VALUES (?, ?, 4, epoch(?::TIMESTAMP)::BIGINT)", list(rated))


def planted(night: int) -> list[tuple[int, int, datetime]]:
    """Of users 2 to 11, night + 1 rate what rank 2 has, all of them from the tenth night on; the others something."""
    at = FIRST + timedelta(days=night, hours=5)
    hit = min(night + 1, 10)
    return [
        (user, movie(night, user, 2) if user < 2 + hit else 5, at + timedelta(seconds=user))
        for user in range(2, 12)
    ]


def counted(con: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return con.execute("SELECT * EXCLUDE (user_group) FROM ops.outcomes ORDER BY ALL").fetchall()


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with core_of() as con:
        yield con


@pytest.fixture
def own(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "simulated")


def test_two_weeks_of_nights_count_what_was_planted(
    con: duckdb.DuckDBPyConnection, own: Home, tmp_path: Path
) -> None:
    for night in range(NIGHTS):
        publish_lists(con, own, tmp_path, night)
        rate(con, planted(night))
        day = FIRST + timedelta(days=night)
        assert hits.count(con, own, "tiny", day + timedelta(hours=23)) == [day.date()]  # no other day again
    expected = [
        ("tiny", version_of(night), "m-1", "all", (FIRST + timedelta(days=night)).date(), rank, 10)
        + ((min(night + 1, 10), 10) if rank == 2 else (0, 10))
        for night in range(NIGHTS)
        for rank in range(1, ROWS + 1)
    ]
    assert counted(con) == expected
    assert hits.count(con, own, "tiny", END) == []
    # All at once finds the same as night by night.
    con.execute("DELETE FROM ops.outcomes; DELETE FROM ops.outcome_days")
    assert len(hits.count(con, own, "tiny", END)) == NIGHTS
    assert counted(con) == expected


def test_a_rating_counts_for_the_lists_live_at_its_time_however_late_it_arrives(
    con: duckdb.DuckDBPyConnection, own: Home, tmp_path: Path
) -> None:
    for night in range(4):
        publish_lists(con, own, tmp_path, night)
    assert hits.count(con, own, "tiny", END) == []
    second = FIRST + timedelta(days=1)
    before, after = second - timedelta(seconds=1), second
    rate(con, [(3, movie(1, 3, 1), before), (4, movie(1, 4, 1), after), (5, movie(0, 5, 1), before)])
    rate(con, [(6, movie(0, 6, 1), after), (7, movie(0, 7, 1), FIRST - timedelta(seconds=1))])
    assert hits.count(con, own, "tiny", END) == [FIRST.date(), second.date()]
    tops = con.execute("SELECT version, day, shown, hits, users FROM ops.outcomes WHERE rank = 1").fetchall()
    # User 3 rated it before the second lists were made, user 6 after the first went, user 7 before there were any.
    assert sorted(tops) == [(version_of(0), second.date(), 2, 1, 2), (version_of(1), second.date(), 2, 1, 2)]


def test_who_has_a_shorter_list_is_a_user_and_no_row_shown(
    con: duckdb.DuckDBPyConnection, own: Home, tmp_path: Path
) -> None:
    publish_lists(con, own, tmp_path, 0)
    at = FIRST + timedelta(hours=1)
    rate(con, [(1, movie(0, 1, 1), at), (1, movie(0, 1, 3), at), (2, 5, at), (99, 5, at)])  # 99 has no list
    hits.count(con, own, "tiny", END)
    found = con.execute("SELECT rank, shown, hits, users FROM ops.outcomes ORDER BY rank").fetchall()
    assert found == [(1, 2, 1, 2), (2, 2, 0, 2), (3, 2, 1, 2), (4, 1, 0, 2)]


def test_a_rollback_makes_the_earlier_lists_live_again(
    con: duckdb.DuckDBPyConnection, own: Home, tmp_path: Path
) -> None:
    publish_lists(con, own, tmp_path, 0)
    publish_lists(con, own, tmp_path, 1)
    back = FIRST + timedelta(days=1, hours=3)
    subject = publications.Subject("tiny", "m-1", "f")
    publications.add(con, "rolled back", version_of(0), subject, "a test", {}, at=back)
    rate(
        con, [(2, movie(0, 2, 1), back + timedelta(hours=1)), (3, movie(1, 3, 1), back - timedelta(hours=1))]
    )
    rate(con, [(4, movie(1, 4, 1), back + timedelta(hours=1))])
    hits.count(con, own, "tiny", END)
    tops = con.execute(
        "SELECT version, shown, hits FROM ops.outcomes WHERE rank = 1 ORDER BY version"
    ).fetchall()
    assert tops == [(version_of(0), 2, 1), (version_of(1), 1, 1)]


def test_lists_that_went_or_are_damaged_leave_what_was_counted(
    con: duckdb.DuckDBPyConnection, own: Home, tmp_path: Path
) -> None:
    for night in range(3):
        publish_lists(con, own, tmp_path, night)
        rate(con, planted(night))
    hits.count(con, own, "tiny", END)
    before = counted(con)
    lists.path_of(own, version_of(1)).write_bytes(b"torn")
    rate(
        con,
        [
            (20, 5, FIRST + timedelta(days=1, hours=4)),
            (20, movie(2, 20, 1), FIRST + timedelta(days=2, hours=1)),
        ],
    )
    hits.count(con, own, "tiny", END)
    after = counted(con)
    assert [row for row in after if row[1] != version_of(2)] == [
        row for row in before if row[1] != version_of(2)
    ]
    assert [row[-3:] for row in after if row[1] == version_of(2)] == [
        (11, 1, 11),
        (11, 3, 11),
        (11, 0, 11),
        (11, 0, 11),
    ]


def test_lists_of_other_data_and_ratings_of_the_future_do_not_count(
    con: duckdb.DuckDBPyConnection, own: Home, tmp_path: Path
) -> None:
    keep_lists(own, tmp_path, 0)
    publications.add(con, "published", version_of(0), publications.Subject("other", "m-1", "f"), "a test", {})
    publish_lists(con, own, tmp_path, 1)
    rate(con, [*planted(0), *planted(1), (3, 5, END + timedelta(days=1))])
    assert hits.count(con, own, "tiny", END) == [FIRST.date(), (FIRST + timedelta(days=1)).date()][1:]
    assert {row[1] for row in counted(con)} == {version_of(1)}


def live_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[tuple[int, int]]]:
    """Publish as if three days ago; the version, and the first movies of three users, who rated them a day later."""
    at = datetime.now(UTC) - timedelta(days=3)
    with monkeypatch.context() as patch:
        patch.setattr(publish, "new_version", lambda home: f"{at:%Y%m%d-%H%M%S-000}")
        version = engine_homes.published(home)
    with duckdb.connect(str(path_of(home, version)), read_only=True) as readers:
        tops = readers.execute(
            "SELECT user_id, movie_id FROM recommendations WHERE rank = 1 AND user_id IN (3, 7, 40)"
        ).fetchall()
    later = (at + timedelta(days=1)).replace(tzinfo=None)
    with warehouse(home.warehouse) as con:
        rate(con, [(user, movie_id, later) for user, movie_id in tops])
        contents.mark_changed(con)
        folder = features.build(con, home).folder
    model_id = engine_homes.trained(home, folder)
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, model_id, ScoreConfig(top_n=5, similar_n=3))
    return version, tops


def outcomes_in(home: Home) -> list[tuple[object, ...]]:
    with duckdb.connect(os.fspath(home.serving_link.resolve()), read_only=True) as readers:
        return readers.execute(
            "SELECT version, variant, rank, shown, hits, hit_rate, users FROM outcomes ORDER BY ALL"
        ).fetchall()


def test_readers_see_them_with_the_next_publication_also_of_a_killed_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, tops = live_home(home, monkeypatch)
    assert outcomes_in(home) == []

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publish, "write_tables", killed)
        with pytest.raises(KeyboardInterrupt):
            engine_homes.published(home)
    assert outcomes_in(home) == []
    engine_homes.published(home)
    expected = [(version, "all", rank, 3, 3 * (rank == 1), float(rank == 1), 3) for rank in range(1, 6)]
    assert len(tops) == 3
    assert outcomes_in(home) == expected
    with warehouse(home.warehouse) as con:
        publish.publish(con, home, PublishConfig(keep_versions=1))
        lists.path_of(home, version).unlink()
        retention.prune(con, home, RetentionConfig(lists_days=1))
        publish.publish(con, home, PublishConfig(keep_versions=1))
    assert outcomes_in(home) == expected


def test_who_is_forgotten_is_counted_no_more(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    version, _ = live_home(home, monkeypatch)
    engine_homes.published(home)
    forget.forget(home, [7])
    with warehouse(home.warehouse) as con:
        assert len(hits.count(con, home, "generated")) == 1
        found = con.execute(
            "SELECT version, rank, shown, hits, users FROM ops.outcomes ORDER BY rank"
        ).fetchall()
    assert found == [(version, rank, 2, 2 * (rank == 1), 2) for rank in range(1, 6)]
