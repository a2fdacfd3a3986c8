"""Nothing below a source is ever opened for writing: its bytes, times and names stay as they are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ingest_frames import FRAMES, load, table, warehouse_in_memory, write

from recengine.config import Home
from recengine.evaluation import runner as judging
from recengine.ingest import ingest
from recengine.knobs.stages import IngestConfig
from recengine.movielens.layouts import recognise
from recengine.movielens.locating import locate
from recengine.synthetic.generator import GeneratorConfig, generate
from recengine.warehouse.connection import warehouse

ODD = ["rating=5", "user_id=x", "*", "a\nb", "[u]*", "a\\?'\"", "c\udcff", "{file_id}"]


@contextmanager
def read_only(*folders: Path) -> Iterator[None]:
    """No write below the folders; root may all the same, so everything is compared afterwards."""
    files = [path for folder in folders for path in (folder, *folder.rglob("*"))]
    for path in files:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: _state(path) for path in files}
    try:
        yield
        after = [path for folder in folders for path in (folder, *folder.rglob("*"))]
        assert {path: _state(path) for path in after} == before
    finally:
        for path in files:
            path.chmod(0o755)


def _state(path: Path) -> tuple[int, int, bytes]:
    status = path.stat()
    return status.st_mtime_ns, status.st_mode, path.read_bytes() if path.is_file() else b""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source whose files have mixed line ends and a latin-1 title, with a train and a test file of its own."""
    folder = tmp_path_factory.mktemp("source") / "src"
    generate(folder, GeneratorConfig(layout="ml-100k", users=30, movies=40, ratings=600, seed=3))
    lines = (folder / "u.data").read_bytes().split(b"\n")[:-1]
    (folder / "u.data").write_bytes(b"\r\n".join(lines[:5]) + b"\r\n" + b"\n".join(lines[5:]) + b"\n")
    (folder / "train").write_bytes(lines[0] + b"\r\n" + b"\n".join(lines[1:480]) + b"\n")
    (folder / "test").write_bytes(lines[480] + b"\r" + b"\n".join(lines[481:]) + b"\n")
    items = (folder / "u.item").read_bytes()
    (folder / "u.item").write_bytes(items.replace(b" (", b" \xe9 ("))
    shutil.make_archive(str(folder.with_name("zipped")), "zip", folder)
    return folder


@pytest.mark.parametrize("protocol", ["temporal", "random", "leave-one-out", "files", "files outside", "zip"])
def test_evaluate_leaves_the_source_as_it_is(source: Path, tmp_path: Path, protocol: str) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    shutil.copy(source / "train", outside / "train")
    shutil.copy(source / "test", outside / "test")
    beside = {"files": {"train": Path("train"), "test": Path("test")},
              "files outside": {"train": outside / "train", "test": outside / "test"}}  # fmt: skip
    config = judging.EvaluateConfig.model_validate(
        {
            "source": source.with_name("zipped.zip") if protocol == "zip" else source,
            "protocol": "temporal" if protocol == "zip" else protocol.split()[0],
            "model": "popularity",
            "draws": 100,
        }
        | beside.get(protocol, {})
    )
    with read_only(source.parent, outside):
        found = judging.evaluate(Home.at(tmp_path / "home"), config)
    assert found.counts["train_ratings"] + found.counts["test_ratings"] == 600


def test_ingest_leaves_the_source_as_it_is(source: Path, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with read_only(source.parent), warehouse(home.warehouse) as con:
        for given in (source, source.with_name("zipped.zip")):
            assert ingest(con, locate(home, source=given), IngestConfig()).ratings == 600


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("layout", ["ml-100k", "csv"])
def test_the_name_of_a_folder_means_nothing(tmp_path: Path, name: str, layout: str) -> None:
    """Neither to what is read, nor beside which neighbours; its files are read again after a change."""
    plain, odd = tmp_path / "plain", tmp_path / name
    write(plain, dict(FRAMES[layout]))
    write(odd, dict(FRAMES[layout]))
    write(tmp_path / "u", dict.fromkeys(FRAMES[layout], "9::9"))
    with warehouse_in_memory() as con, warehouse_in_memory() as other:
        load(con, plain)
        assert load(other, odd).status == "loaded"
        for what in ("ratings", "movies", "users", "quarantine"):
            assert table(con, what) == table(other, what)
        assert load(other, odd).status == "unchanged"


def test_files_of_odd_names_are_all_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "s", dict(FRAMES["ml-1m"]))
    for at, name in enumerate(
        ["ratings*.dat", "ratings[1].dat", "ratings\\?.dat", "ratings\n.dat", "ratings\udcff.dat"]
    ):
        (folder / name).write_text(f"2::20::{at + 1}::{1000000010 + at}\n")
    with warehouse_in_memory() as con:
        report = load(con, folder)
        assert (report.files_read, report.rows_read, report.quarantined) == (8, 13, 0)
        assert (2, 20, 5.0, 1000000014) in table(con, "ratings")
    assert recognise(folder).files[-1].path.exists()
