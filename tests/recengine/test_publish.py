"""Publishing, retention and rollback in one process; see test_publish_readers and test_publish_kill."""

from __future__ import annotations

import stat
import struct
from pathlib import Path

import duckdb
import pytest
from engine_homes import published

from recengine import publish
from recengine.config import Home
from recengine.errors import AuditFailed, BadInput, Damaged, GuardFailed, NotReady
from recengine.knobs.stages import PublishConfig
from recengine.serving import report
from recengine.serving.versions import current_publication, current_version, path_of, point_to, versions
from recengine.warehouse.connection import warehouse

STORAGE_OF_1_4 = 67  # as DuckDB writes it into the header of a file for 1.4 clients


def read(home: Home, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home.serving_link), read_only=True) as con:
        return con.execute(query).fetchall()


def test_readers_get_the_contract(published_home: Home) -> None:
    columns = {
        "recommendations": "user_id rank movie_id score predicted_rating model_id generated_at",
        "recommendations_detailed": "user_id rank movie_id score predicted_rating model_id generated_at "
        "title genres year",
        "similar_movies": "movie_id rank similar_movie_id score",
        "popular_movies": "segment rank movie_id score",
        "movies": "movie_id title year genres ratings mean_rating film_id categories movie_key",
        "users": "user_id gender age occupation ratings first_rated_at last_rated_at attributes user_key",
        "publication": "version dataset input_fingerprint model_id model top_n users recommendations scale metrics "
        "generated_at duckdb_version torch_version recengine_version",
    }
    for table, names in columns.items():
        rows = read(published_home, f"SELECT column_name FROM (DESCRIBE {table})")
        assert [name for (name, *_) in rows if name in names.split()] == names.split(), table
    [publication] = read(
        published_home, "SELECT version, dataset, top_n, users, recommendations FROM publication"
    )
    assert publication == (current_version(published_home), "generated", 5, 40, 200)
    assert read(published_home, "SELECT count(*), count(DISTINCT user_id) FROM recommendations_detailed") == [
        (200, 40)
    ]
    assert read(
        published_home, "SELECT count(*) FROM popular_movies WHERE segment LIKE 'F %' OR segment LIKE 'M %'"
    ) > [(0,)]
    assert read(published_home, "SELECT metrics->>'ndcg@10' FROM publication") == [("0.25",)]


def test_popular_movies_are_the_most_rated(published_home: Home) -> None:
    rows = read(
        published_home,
        "SELECT p.rank, m.ratings, movie_id FROM popular_movies p JOIN movies m USING (movie_id) "
        "WHERE segment = 'all' ORDER BY rank",
    )
    assert rows == [
        (i + 1, *row)
        for i, row in enumerate(sorted(((r, m) for _, r, m in rows), key=lambda x: (-x[0], x[1])))
    ]


def test_file_is_read_only_and_for_1_4_clients(published_home: Home) -> None:
    path = published_home.serving_link.resolve()
    assert path.name == f"serving-{current_version(published_home)}.duckdb"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    header = path.read_bytes()[:20]
    assert (header[8:12], struct.unpack("<Q", header[12:20])[0]) == (b"DUCK", STORAGE_OF_1_4)
    assert [file.name for file in published_home.serving.iterdir() if not file.name.startswith(".")] == [
        path.name
    ]


def test_link_is_relative_so_that_a_home_can_move(published_home: Home) -> None:
    assert not published_home.serving_link.readlink().is_absolute()


def test_nothing_scored(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with warehouse(home.warehouse) as con, pytest.raises(NotReady, match="recengine score"):
        publish.publish(con, home)


def test_failed_audit_moves_nothing(home: Home) -> None:
    first = published(home)
    with warehouse(home.warehouse) as con:
        con.execute("UPDATE scores.recommendations SET predicted_rating = 9")
        with pytest.raises(
            AuditFailed, match=r"stars_are_on_the_scale: user 1 rank 1 is predicted 9.0 stars"
        ):
            publish.publish(con, home, force=True)  # audits cannot be forced
        con.execute("UPDATE scores.recommendations SET predicted_rating = 3")
        assert current_version(home) == first
        assert versions(home) == [first]
        assert not list(home.serving.glob("building-*"))
        publish.publish(con, home)
    assert len(versions(home)) == 2


def test_guard_stops_broken_tables_unless_forced(home: Home) -> None:
    first = published(home)
    with warehouse(home.warehouse) as con:
        con.execute("UPDATE scores.origin SET reasons = 'off'")
        con.execute("DELETE FROM scores.reasons")
        for table in ("recommendations", "recommendations_by_genre"):
            con.execute(f"UPDATE scores.{table} SET score = score * 1000")
        with pytest.raises(GuardFailed, match="mean score moved"):
            publish.publish(con, home)
        assert current_version(home) == first
        forced = publish.publish(con, home, force=True).version
    assert current_version(home) == forced


def test_five_versions_are_kept(home: Home) -> None:
    made = [published(home) for _ in range(7)]
    assert versions(home) == made[-5:]
    assert current_version(home) == made[-1]
    assert not list(home.serving.glob("building-*"))


@pytest.mark.slow
def test_current_version_is_never_pruned(home: Home) -> None:
    made = [published(home) for _ in range(2)]
    with warehouse(home.warehouse) as con:
        publish.rollback(con, home)
        for keep in (1, 1):  # each publication moves the link on, so prune with the link moved back
            report = publish.publish(con, home, PublishConfig(keep_versions=keep))
            assert versions(home) == [report.version]
    assert made[0] not in versions(home)
    older, newer = versions(home)[0], [published(home) for _ in range(3)]
    point_to(home, older)
    from recengine.serving.versions import prune

    assert prune(home, 2) == [newer[0]]
    assert versions(home) == [older, *newer[1:]]
    assert read(home, "SELECT version FROM publication") == [(older,)]


def test_pruning_takes_side_files_and_spill_folders(home: Home) -> None:
    first = published(home)
    spill = home.serving / f"serving-{first}.duckdb.tmp"
    spill.mkdir()
    (spill / "block.tmp").touch()
    with warehouse(home.warehouse) as con:
        publish.publish(con, home, PublishConfig(keep_versions=1))
    assert not spill.exists()


def test_rollback(home: Home) -> None:
    first, second, third = (published(home) for _ in range(3))
    with warehouse(home.warehouse) as con:
        assert publish.rollback(con, home) == second
        assert read(home, "SELECT version FROM publication") == [(second,)]
        assert publish.rollback(con, home) == first
        with pytest.raises(NotReady, match="nothing to roll back to"):
            publish.rollback(con, home)
        assert publish.rollback(con, home, third) == third
        with pytest.raises(
            BadInput, match=f"no version 'nonsense'; choose one of {first}, {second}, {third}"
        ):
            publish.rollback(con, home, "nonsense")
        actions = con.execute("SELECT action, version FROM ops.publications ORDER BY rowid").fetchall()
    assert read(home, "SELECT version FROM publication") == [(third,)]
    published_rows = [("published", version) for version in (first, second, third)]
    assert actions == [*published_rows, *(("rolled back", version) for version in (second, first, third))]


def test_what_is_refused_at_the_last_moment_leaves_nothing(home: Home) -> None:
    def refuse() -> None:
        assert list(home.serving.glob("building-*.duckdb")), "asked before the new file was ready"
        raise NotReady("The run was deleted", "start another")

    first, second = published(home), published(home)
    with warehouse(home.warehouse) as con:
        for attempt in (publish.publish, publish.rollback):
            with pytest.raises(NotReady, match="The run was deleted"):
                attempt(con, home, confirm=refuse if attempt is publish.publish else _refuse)
        [count] = con.execute("SELECT count(*) FROM ops.publications").fetchall()
    assert (current_version(home), versions(home), count) == (second, [first, second], (2,))
    assert not list(home.serving.glob("building-*"))


def _refuse() -> None:
    raise NotReady("The run was deleted", "start another")


def test_versions_without_an_entry_are_recorded_from_their_files(home: Home) -> None:
    first, second = published(home), published(home)
    with warehouse(home.warehouse) as con:
        con.execute("DELETE FROM ops.publications")
        third = publish.publish(con, home).version
        rows = con.execute("SELECT action, version, dataset FROM ops.publications ORDER BY rowid").fetchall()
        [versioned] = con.execute(
            "SELECT bool_and(abs(epoch(happened_at - now() AT TIME ZONE 'UTC')) < 600) FROM ops.publications"
        ).fetchall()
        assert publish.rollback(con, home) == second
        assert [entry["version"] for entry in report.gather(con, home).history] == [first, second, third]
    assert rows == [
        ("found", first, "generated"),
        ("found", second, "generated"),
        ("published", third, "generated"),
    ]
    assert versioned == (True,)


def test_a_damaged_version_without_an_entry_stops_nothing(home: Home) -> None:
    first, second = published(home), published(home)
    file = home.serving / f"serving-{first}.duckdb"
    file.chmod(0o644)
    file.write_bytes(b"torn")
    with warehouse(home.warehouse) as con:
        con.execute("DELETE FROM ops.publications")
        publish.publish(con, home)
        found = con.execute("SELECT version FROM ops.publications WHERE action = 'found'").fetchall()
    assert found == [(second,)]


def test_rollback_to_a_damaged_version_moves_nothing(home: Home) -> None:
    first, second = published(home), published(home)
    file = path_of(home, first)
    file.chmod(0o600)
    file.write_bytes(b"no database")
    with warehouse(home.warehouse) as con, pytest.raises(Damaged):
        publish.rollback(con, home)
    assert current_version(home) == second


def test_what_is_published_says_so_itself(home: Home) -> None:
    assert current_publication(home) is None
    first, second = published(home), published(home)
    seen = current_publication(home)
    assert seen is not None
    assert (seen.version, seen.dataset, seen.model) == (second, "generated", "popularity")
    assert seen.metrics == {"ndcg@10": 0.25, "rmse": None}
    point_to(home, first)
    assert current_publication(home) == seen._replace(version=first)


def test_rollback_before_any_publication(home: Home) -> None:
    with warehouse(home.warehouse) as con, pytest.raises(NotReady, match="Nothing is published yet"):
        publish.rollback(con, home)


def test_dangling_link_counts_as_nothing_published(home: Home) -> None:
    first = published(home)
    (home.serving / f"serving-{first}.duckdb").unlink()
    assert current_version(home) is None
    second = published(home)
    assert read(home, "SELECT version FROM publication") == [(second,)]


def test_data_loaded_since_scoring_is_refused(home: Home) -> None:
    with warehouse(home.warehouse) as con:
        con.execute("UPDATE ops.dataset SET input_fingerprint = 'newer'")
        with pytest.raises(AuditFailed, match="is not the data in the warehouse"):
            publish.publish(con, home)
    assert current_version(home) is None


def test_open_reader_keeps_its_version(home: Home) -> None:
    first = published(home)
    with duckdb.connect(str(home.serving_link.resolve()), read_only=True) as reader:
        with warehouse(home.warehouse) as con:
            publish.publish(con, home, PublishConfig(keep_versions=1))
        assert reader.execute("SELECT version FROM publication").fetchall() == [(first,)]
        assert reader.execute("SELECT count(*) FROM recommendations").fetchall() == [(200,)]
    assert first not in versions(home)
