"""After ``forget`` nothing under the home says the id, readers and rollback go on, and no load brings it back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from engine_homes import copy_of, trained
from safetensors.numpy import load_file

from recengine import features, ingest, publish, score
from recengine.config import Home
from recengine.errors import BadInput, NotReady, StillThere, TooManyBadRows
from recengine.knobs.stages import IngestConfig, ScoreConfig
from recengine.models import store
from recengine.movielens.layouts import recognise
from recengine.serving import report
from recengine.serving.queries import top
from recengine.serving.versions import current_version, path_of, versions
from recengine.upkeep import forget
from recengine.warehouse.connection import warehouse

WHO = 987654321
SMALL = 1


def write_source(folder: Path) -> Path:
    """Eleven users and 14 movies; the one in question also in lines that cannot be used."""
    folder.mkdir(exist_ok=True)
    movies = "".join(f"{movie},Film {movie} ({1980 + movie}),Drama\n" for movie in range(1, 15))
    users = [*range(1, 11), WHO]
    rated = [(user, movie) for user in users for movie in range(1, 15) if (user * 7 + movie * 5) % 3]
    ratings = "".join(
        f"{user},{movie},{1 + (user + movie) % 5},{1_500_000_000 + movie}\n" for user, movie in rated
    )
    bad = f"{WHO},3,,1500000000\n{WHO},777,4,1500000000\n2,3,,1500000001\n"
    (folder / "movies.csv").write_text("movieId,title,genres\n" + movies)
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + ratings + bad)
    (folder / "users.csv").write_text(
        "userId,gender,age,occupation\n" + "".join(f"{u},F,30,artist\n" for u in users)
    )
    return folder


def load(home: Home, folder: Path) -> ingest.LoadReport:
    with warehouse(home.warehouse) as con:
        return ingest.ingest(con, recognise(folder), IngestConfig(max_bad_share=1))


def night(home: Home, model: str = "popularity") -> str:
    """Everything after the load; returns the version."""
    with warehouse(home.warehouse) as con:
        folder = features.build(con, home).folder
        model_id = trained(home, folder, model)
        score.score(con, home, folder, model_id, ScoreConfig(top_n=4, similar_n=2))
        return publish.publish(con, home, force=True).version


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with two versions, two models, a page, a judgement, and the user in all of them."""
    home = Home.at(tmp_path_factory.mktemp("forget") / "home")
    source = write_source(home.root.parent / "source")
    load(home, source)
    night(home, "ease")
    night(home)
    with warehouse(home.warehouse) as con, pytest.MonkeyPatch.context() as patch:
        patch.setattr("recengine.serving.report.facts.USERS", 50)
        report.write(con, home)
    judged = home.models / "judgements" / "popularity-1.npz"
    judged.parent.mkdir()
    np.savez(judged, users=np.array([WHO]))
    return home


@pytest.fixture
def home(lived_in: Home, tmp_path: Path) -> Home:
    return copy_of(lived_in, tmp_path / "home")


def everything(home: Home) -> Iterator[tuple[str, str]]:
    """Every cell, array and byte under a home that equals the id, found without the code under test."""
    for path in sorted(path for path in home.root.rglob("*") if path.is_file() and not path.is_symlink()):
        content = path.read_bytes()
        if str(WHO).encode() in content or WHO.to_bytes(8, "little") in content:
            yield str(path), "bytes"
        if path.suffix == ".npy" and WHO in np.load(path):
            yield str(path), "array"
        if path.suffix == ".safetensors" and any(WHO in array for array in load_file(path).values()):
            yield str(path), "tensor"
        if path.suffix == ".parquet" and WHO in pq.read_table(path)["user_id"].to_pylist():
            yield str(path), "lists"
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as con:
                for schema, table in con.execute(
                    "SELECT schema_name, table_name FROM duckdb_tables()"
                ).fetchall():
                    query = f"SELECT count(*) FROM {schema}.{table} AS t WHERE contains(t::VARCHAR, '{WHO}')"
                    if con.execute(query).fetchall() != [(0,)]:
                        yield str(path), f"{schema}.{table}"


def lists(home: Home, version: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home.serving / f"serving-{version}.duckdb"), read_only=True) as con:
        return con.execute(
            f"FROM recommendations_detailed WHERE user_id NOT IN ({WHO}, {SMALL}) ORDER BY user_id, rank"
        ).fetchall()


def a_group() -> int:
    """A group that this account may give files to, another one than its own where there is one."""
    return 61_235 if os.geteuid() == 0 else os.getgroups()[-1]


@dataclass(frozen=True)
class Emptied:
    """A home after both users were forgotten, and what was seen meanwhile."""

    home: Home
    done: forget.ForgetReport
    found_before: set[str]
    lists_before: dict[str, list[tuple[object, ...]]]
    rows_of_an_open_reader: int


@pytest.fixture(scope="module")
def emptied(lived_in: Home, tmp_path_factory: pytest.TempPathFactory) -> Emptied:
    home = copy_of(lived_in, tmp_path_factory.mktemp("emptied") / "home")
    for path in (home.root, home.serving_link.resolve(), home.warehouse):
        os.chown(path, -1, a_group())  # as that of the readers is
    found = {what.partition(".")[0] for _, what in everything(home)}
    before = {version: lists(home, version) for version in versions(home)}
    with duckdb.connect(str(home.serving_link), read_only=True) as reader:
        done = forget.forget(home, [WHO, SMALL])
        [(rows,)] = reader.execute(f"SELECT count(*) FROM recommendations WHERE user_id = {WHO}").fetchall()
    return Emptied(home, done, found, before, rows)


def test_nothing_says_the_id_any_more(emptied: Emptied) -> None:
    assert {
        "bytes",
        "tensor",
        "array",
        "lists",
        "core",
        "raw",
        "features",
        "scores",
        "ops",
        "main",
    } <= emptied.found_before
    assert list(everything(emptied.home)) == []
    done = emptied.done
    assert (len(done.versions), len(done.models), len(done.pages), done.versions_removed) == (2, 2, 1, [])
    assert done.lists == done.versions
    assert [Path(name).name for name in done.still_in] == ["ratings.csv", "users.csv"]


def test_everybody_else_is_as_before_in_every_version(emptied: Emptied) -> None:
    home = emptied.home
    assert emptied.rows_of_an_open_reader == 4  # who has a file open goes on with it
    assert {version: lists(home, version) for version in versions(home)} == emptied.lists_before
    with duckdb.connect(str(home.serving_link), read_only=True) as reader:
        assert reader.execute("SELECT users, recommendations FROM publication").fetchall() == [(9, 36)]
        assert reader.execute("SELECT count(*) FROM popular_movies").fetchall() > [(0,)]
    page = next(home.reports.glob("*.html")).read_text()
    assert "<h3>User 10</h3>" in page
    assert "<h3>User 1</h3>" not in page
    assert page.endswith("</body></html>\n")
    status = home.serving_link.resolve().stat()
    assert (status.st_mode & 0o777, status.st_gid) == (0o444, a_group())
    assert home.warehouse.stat().st_gid == a_group()


def test_versions_written_anew_say_all_that_they_said(emptied: Emptied, lived_in: Home) -> None:
    catalogue = (
        "SELECT table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns() WHERE NOT internal "
        "UNION ALL SELECT table_name, constraint_text, NULL, NULL, NULL FROM duckdb_constraints() "
        "UNION ALL SELECT table_name, NULL, NULL, NULL, comment FROM duckdb_tables() "
        "UNION ALL SELECT view_name, NULL, NULL, NULL, comment FROM duckdb_views() WHERE NOT internal ORDER BY ALL"
    )
    for version in versions(lived_in):
        said = []
        for home in (lived_in, emptied.home):
            with duckdb.connect(str(path_of(home, version)), read_only=True) as con:
                said.append(con.execute(catalogue).fetchall())
        assert said[0] == said[1]
        assert len(said[0]) > 100


def test_rollback_does_not_bring_anybody_back(emptied: Emptied, tmp_path: Path) -> None:
    home = copy_of(emptied.home, tmp_path / "home")
    older = versions(home)[0]
    with warehouse(home.warehouse) as con:
        assert publish.rollback(con, home, older) == older
    assert current_version(home) == older
    for user in (WHO, SMALL):
        assert set(top(home, user)["source"]) == {"popular_movies"}
    assert set(top(home, 2)["source"]) == {"recommendations"}


def test_models_lose_only_the_users_rows(emptied: Emptied, lived_in: Home) -> None:
    [model_id] = [manifest.model_id for manifest in store.stored(emptied.home) if manifest.model == "ease"]
    old, new = (
        load_file(home.models / model_id / "weights.safetensors") for home in (lived_in, emptied.home)
    )
    np.testing.assert_array_equal(new["biases.user"], old["biases.user"][1:-1])
    np.testing.assert_array_equal(new["weights"], old["weights"])
    assert store.rows_of(emptied.home, model_id)[0].tolist() == list(range(2, 11))
    assert store.load(emptied.home, model_id).name == "ease"
    sketches = [store.manifest_of(home, model_id).sketch for home in (lived_in, emptied.home)]
    assert [bool(sketch) for sketch in sketches] == [True, False]  # it is of single ratings
    assert not store.forget_users(emptied.home, model_id, [SMALL])  # nothing left to do


def test_later_loads_leave_them_out_until_undone(home: Home, tmp_path: Path) -> None:
    source = write_source(tmp_path / "source")
    before = load(home, source).input_fingerprint
    forget.forget(home, [WHO, SMALL])
    again = load(home, source)
    assert (again.status, again.users) == ("loaded", 9)
    assert again.input_fingerprint != before
    with (source / "ratings.csv").open("a") as file:
        file.write(f"{WHO},4,5,1500000000\n3,4,5,1600000000\n{WHO},5,,1500000000\n")
    changed = load(home, source)
    theirs = [line for line in (source / "ratings.csv").open() if line.startswith((f"{WHO},", f"{SMALL},"))]
    assert (changed.users, changed.forgotten_rows) == (
        9,
        len(theirs) - 2,
    )  # two of them could not be used anyway
    night(home)
    assert [place for place, _ in everything(home)] == []
    forget.readmit(home, [WHO])
    back = load(home, source)
    assert (back.users, back.forgotten_rows > 0) == (10, True)
    assert back.input_fingerprint not in (before, again.input_fingerprint, changed.input_fingerprint)
    with pytest.raises(BadInput, match=f"User {WHO} is not on the list"):
        forget.readmit(home, [WHO])


def test_a_refused_load_quotes_nobody_who_is_forgotten(emptied: Emptied, tmp_path: Path) -> None:
    home = copy_of(emptied.home, tmp_path / "home")
    source = write_source(tmp_path / "other")
    with warehouse(home.warehouse) as con, pytest.raises(TooManyBadRows) as refused:
        ingest.ingest(con, recognise(source), IngestConfig(max_bad_share=0))
    assert str(WHO) not in str(refused.value)
    assert [place for place, _ in everything(home)] == []


def test_a_number_that_is_nobody_is_refused(home: Home) -> None:
    before = home.warehouse.read_bytes()
    with pytest.raises(BadInput, match="No user 555 is known"):
        forget.forget(home, [SMALL, 555])
    assert home.warehouse.read_bytes() == before
    with warehouse(home.warehouse) as con:
        assert con.execute("SELECT count(*) FROM ops.forgotten").fetchall() == [(0,)]


def test_who_has_left_the_source_is_still_known_by_the_versions(home: Home, tmp_path: Path) -> None:
    source = write_source(tmp_path / "source")
    for name in ("ratings.csv", "users.csv"):
        lines = (source / name).read_text().splitlines(keepends=True)
        (source / name).write_text("".join(line for line in lines if str(WHO) not in line))
    load(home, source)
    assert forget.forget(home, [WHO]).still_in == []
    assert list(everything(home)) == []


def test_what_cannot_be_written_anew_goes_or_is_named(home: Home) -> None:
    torn = home.serving / f"serving-{versions(home)[0]}.duckdb"
    torn.chmod(0o644)
    torn.write_bytes(torn.read_bytes()[:5000])
    [model_id] = [manifest.model_id for manifest in store.stored(home) if manifest.model == "ease"]
    (home.models / model_id / "ids.safetensors").unlink()  # whose rows are whose is not known
    aside = home.snapshots / "old.damaged-20261125-130000-000001"
    aside.mkdir()
    (aside / "user_ids.npy").write_bytes(b"?")
    (home.root / "notes.txt").write_text(f"user {WHO} called")
    with pytest.raises(StillThere, match=r"the id still stands in notes\.txt;"):
        forget.forget(home, [WHO])
    assert (torn.exists(), aside.exists(), len(versions(home))) == (False, False, 1)
    assert load_file(home.models / model_id / "weights.safetensors") == {}
    with pytest.raises(NotReady, match="has no weights any more"):
        store.load(home, model_id)
    (home.root / "notes.txt").unlink()
    assert forget.forget(home, [WHO]).versions == []  # done before


def test_ids_that_are_text_are_forgotten_by_their_text(tmp_path: Path) -> None:
    home, source = Home.at(tmp_path / "home"), write_source(tmp_path / "source")
    for name in ("ratings.csv", "users.csv"):
        header, *lines = (source / name).read_text().splitlines()
        (source / name).write_text(
            "\n".join([header, *(f"u-{line.replace(',', '-x,', 1)}" for line in lines)]) + "\n"
        )
    load(home, source)
    night(home)
    key = f"u-{WHO}-x"
    done = forget.forget(home, [key])
    assert (done.keys, len(done.versions), done.quoted_lines) == ([key], 1, 3)
    with (source / "ratings.csv").open("a") as file:
        file.write(f"{key},5,3,1500000000\n{key},5,,1500000000\n")
    assert load(home, source).users == 10
    assert list(everything(home)) == []
    with pytest.raises(BadInput, match="No user u-8-y is known"):
        forget.forget(home, ["u-8-y"])
