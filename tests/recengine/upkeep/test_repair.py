"""What is found damaged in a home is set aside, said by name and made again; what is published stays."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import engine_homes
import pytest

import recengine
from flows import request as nightly
from recengine import publish, score
from recengine.config import Home
from recengine.errors import Damaged
from recengine.knobs.stages import PublishConfig, ScoreConfig
from recengine.models import store
from recengine.movielens.locating import locate
from recengine.runtime import durable
from recengine.serving import queries as reading
from recengine.serving.versions import current_version, new_version, versions
from recengine.upkeep.repair import look_over
from recengine.warehouse.connection import warehouse
from recengine.warehouse.history import contents

Tear = Callable[[Path], None]


def empty(path: Path) -> None:
    path.write_bytes(b"")


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for at in range(len(content) // 8, len(content), 4096):
        content[at] ^= 0xFF
    path.write_bytes(content)


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


TEARS = (empty, half, flipped, zeros)
FILES = ("models/*/manifest.json", "models/*/weights.safetensors", "models/*/ids.safetensors")
FILES += ("snapshots/*/manifest.json", "snapshots/*/ratings.data.npy")


@pytest.fixture(scope="module")
def published_twice(published_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with two publications of the same tables; do not write to it."""
    home = engine_homes.copy_of(published_home, tmp_path_factory.mktemp("twice") / "home")
    engine_homes.published(home)
    return home


@pytest.fixture
def twice(published_twice: Home, tmp_path: Path) -> Home:
    """A home of the test's own with two publications of the same tables."""
    return engine_homes.copy_of(published_twice, tmp_path / "home")


def night(home: Home) -> str:
    """All stages after a look over the home, as a run has them; returns the version."""
    look_over(home)
    folder = engine_homes.loaded(home)
    model_id = engine_homes.trained(home, folder)
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, model_id, ScoreConfig(top_n=5, similar_n=3))
        return publish.publish(con, home).version


@pytest.mark.parametrize("tear", TEARS)
@pytest.mark.parametrize("what", FILES)
def test_a_torn_folder_is_set_aside_and_made_again(twice: Home, what: str, tear: Tear) -> None:
    [file] = twice.root.glob(what)
    tear(file)
    said = look_over(twice)
    assert [str(file.parent) in sentence for sentence in said] == [True]
    assert not file.parent.exists()
    assert [
        entry.name.startswith(f"{file.parent.name}.damaged-") for entry in file.parent.parent.iterdir()
    ] == [True]
    assert bool(store.stored(twice)) == ("models" not in what)
    assert look_over(twice) == []
    if tear is empty:
        assert night(twice) == current_version(twice)
        assert file.exists()


@pytest.mark.parametrize("tear", TEARS)
def test_a_damaged_published_file_gives_way_to_the_one_before(twice: Home, tear: Tear) -> None:
    older, newer = versions(twice)
    file = twice.serving / f"serving-{newer}.duckdb"
    file.chmod(0o644)
    tear(file)
    if tear is not flipped:
        with pytest.raises(Damaged, match="recengine run"):
            reading.top(twice, 1)
    [said] = look_over(twice)
    assert f"readers have version {older}" in said
    assert len(reading.top(twice, 1)) == 5
    with warehouse(twice.warehouse) as con:
        assert not nightly.already_answered(con, twice, "{}", contents.input_of(con) or "")
    assert night(twice) == current_version(twice)
    assert versions(twice)[:-1] == [older]


@pytest.mark.parametrize("tear", TEARS)
def test_a_damaged_warehouse_loses_its_history_and_nothing_published(twice: Home, tear: Tear) -> None:
    before, (older, newer) = reading.top(twice, 1), versions(twice)
    tear(twice.warehouse)
    [said] = look_over(twice)
    assert "the published tables stay" in said
    assert reading.top(twice, 1).equals(before)
    with warehouse(twice.warehouse) as con:
        assert contents.input_of(con) is None
        assert publish.rollback(con, twice) == older
    if tear is not empty:
        return
    latest = night(twice)
    assert latest > newer
    assert reading.status(twice)["publications"][0]["version"] == latest


@pytest.mark.parametrize("tear", TEARS)
@pytest.mark.parametrize("what", FILES)
def test_a_folder_of_an_earlier_release_is_told_by_what_it_holds(twice: Home, what: str, tear: Tear) -> None:
    [file] = twice.root.glob(what)
    (file.parent / durable.SUMS).unlink()
    if tear in (flipped, zeros) and file.suffix != ".json":
        return  # without a list, numbers that changed cannot be told from those that were meant
    assert look_over(twice) == []
    tear(file)
    assert [str(file.parent) in sentence for sentence in look_over(twice)] == [True]


def test_no_reader_shows_a_traceback_for_a_torn_model(twice: Home, caplog: pytest.LogCaptureFixture) -> None:
    [manifest] = twice.models.glob("*/manifest.json")
    half(manifest)
    assert store.stored(twice) == []
    assert str(manifest) in caplog.text
    with pytest.raises(Damaged, match=r"manifest\.json is damaged"):
        store.manifest_of(twice, manifest.parent.name)


@pytest.mark.parametrize("tear", [empty, half, flipped, Path.unlink])
def test_a_torn_demo_is_made_again(tmp_path: Path, tear: Tear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recengine.movielens.locating.DEMO", engine_homes.SMALL)
    home = Home.at(tmp_path)
    file = locate(home).files[0].path
    before = file.read_bytes()
    tear(file)
    assert locate(home).files[0].path.read_bytes() == before
    assert sum(map(durable.is_aside, home.sources.iterdir())) == 1
    assert locate(home).files[0].path == file


def test_few_damaged_things_are_kept(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"m{number}").mkdir()
        durable.set_aside(tmp_path / f"m{number}", "torn", "nothing follows")
    assert sorted(entry.name.partition(".")[0] for entry in tmp_path.iterdir()) == ["m3", "m4", "m5"]


def test_a_sealed_folder_that_was_copied_is_whole(snapshot_folder: Path, tmp_path: Path) -> None:
    """Other times of change are looked into, not taken for damage."""
    home = engine_homes.copy_of(Home(snapshot_folder.parents[1]), tmp_path / "home")
    for file in (home.snapshots / snapshot_folder.name).iterdir():
        os.utime(file, (1, 1))
    assert look_over(home) == []
    sums = json.loads((snapshot_folder / durable.SUMS).read_text())
    assert set(sums) == {file.name for file in snapshot_folder.iterdir()} - {durable.SUMS}


def test_versions_go_on_where_the_clock_was_set_back(twice: Home) -> None:
    """The next is a millisecond after the newest, and is the one that readers, rollback and pruning take for it."""
    ahead = twice.serving / "serving-29991231-235959-999.duckdb"
    (twice.serving / f"serving-{current_version(twice)}.duckdb").rename(ahead)
    publish.point_to(twice, "29991231-235959-999")
    with warehouse(twice.warehouse) as con:
        look = publish.publish(con, twice, PublishConfig(keep_versions=2))
        assert look.version == "30000101-000000-000" == current_version(twice)
        assert new_version(twice) == "30000101-000000-001"
        assert versions(twice) == ["29991231-235959-999", "30000101-000000-000"]
        assert publish.rollback(con, twice, "29991231-235959-999") == current_version(twice)


def test_a_publication_killed_before_its_note_can_be_rolled_back_to(twice: Home) -> None:
    older, newer = versions(twice)
    with warehouse(twice.warehouse) as con:
        con.execute("DELETE FROM ops.publications WHERE version = ?", [newer])
    assert look_over(twice) == []
    latest = night(twice)
    with warehouse(twice.warehouse) as con:
        assert publish.rollback(con, twice) == newer
    assert versions(twice) == [older, newer, latest]


def test_what_is_renamed_was_on_the_disk_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is synced before the rename, the folder that it lies in afterwards."""
    steps: list[str] = []
    replace, sync = os.replace, durable.sync

    def noted_replace(old: Path, new: Path) -> None:
        steps.append("renamed")
        replace(old, new)

    def noted_sync(path: Path) -> None:
        steps.append(path.name)
        sync(path)

    monkeypatch.setattr(os, "replace", noted_replace)
    monkeypatch.setattr(durable, "sync", noted_sync)
    with durable.new_folder(tmp_path / "made") as partial:
        (partial / "inner").mkdir()
        (partial / "inner" / "file").write_text("content")
    at = len(steps) - 1 - steps[::-1].index("renamed")  # the list of files got its name before
    assert {partial.name, "inner", "file", durable.SUMS} < set(steps[:at])
    assert steps[at + 1 :] == [tmp_path.name]


def test_no_other_place_renames_what_it_wrote() -> None:
    """One helper writes, syncs and renames; the others use it."""
    root = Path(recengine.__file__).parent
    moves = re.compile(
        r"os\.(?:replace|rename|fsync)\(|\.rename\(|(?:partial|staged|fresh|building)\.replace\(|shutil\.move\("
    )
    assert {file.name for file in root.rglob("*.py") if moves.search(file.read_text())} == {"durable.py"}


def test_two_threads_write_one_file_at_once(tmp_path: Path) -> None:
    """As the judgements of two equal candidates."""
    file, both = tmp_path / "judgement.npz", threading.Barrier(2)

    def write() -> None:
        with durable.new_file(file) as partial:
            partial.write_text("whole")
            both.wait(10)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(write) for _ in range(2)]:
            done.result()
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert file.read_text() == "whole"
