"""What a home, a disk, memory or a torn file does to a command: one true sentence, exit 2, no traceback."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import stage_commands
from full_disks import small_disk
from stage_commands import SMALL, published_in

from recengine.config import Home
from recengine.synthetic.generator import generate


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return published_in(tmp_path_factory.mktemp("published"))


def copy_of(home: Home, root: Path) -> Home:
    shutil.copytree(home.root, root, symlinks=True)
    return Home.at(root)


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one sentence of a command that has to end with status 2."""
    capsys.readouterr()
    assert stage_commands.start(*arguments) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    return errors[0]


def test_a_home_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "h"):
        assert f"No home can be made at {home}" in said(capsys, "status", "--home", home)
    assert "holds '?'; choose another folder" in said(capsys, "status", "--home", tmp_path / "what?")


def test_a_home_that_is_only_read(
    tmp_path: Path, published: Home, capsys: pytest.CaptureFixture[str]
) -> None:

    with small_disk(tmp_path, 16):
        shutil.copytree(published.root, tmp_path / "h", symlinks=True)
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        assert "let this account write there" in said(capsys, "score", "--home", tmp_path / "h")
        assert stage_commands.start("top", "1", "--home", tmp_path / "h") == 0


def test_a_tiny_memory_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(tmp_path / "s", SMALL)
    monkeypatch.setenv("RECENGINE_MEMORY_LIMIT", "1MB")
    sentence = said(capsys, "ingest", "--home", tmp_path / "h", "--source", tmp_path / "s")
    assert "(1 MB by RECENGINE_MEMORY_LIMIT)" in sentence
    assert "run again" not in sentence


def test_a_disk_too_small_to_generate_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with small_disk(tmp_path, 1):
        sentence = said(capsys, "generate", tmp_path / "g", "--ratings", "100000")
        assert f"The disk of {tmp_path} is full" in sentence
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("top", "1"), ("status",), ("report",), ("sql", "SELECT 1")])
def test_a_torn_published_file_is_named(
    tmp_path: Path, published: Home, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    home = copy_of(published, tmp_path / "home")
    [file] = home.serving.glob("serving-*.duckdb")
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:20_000])
    sentence = said(capsys, *command, "--home", home.root)
    assert "serving" in sentence.partition(" is damaged (")[0]
    assert "the next `recengine run` sets it aside" in sentence


def test_a_torn_model_is_no_bad_option(
    tmp_path: Path, published: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home = copy_of(published, tmp_path / "home")
    [manifest] = home.models.glob("*/manifest.json")
    manifest.write_text("")
    sentence = said(capsys, "models", "show", manifest.parent.name, "--home", home.root)
    assert f"{manifest} is damaged" in sentence
    assert "--help" not in sentence
    assert stage_commands.start("models", "--home", home.root) == 0


def test_a_source_that_prefect_cannot_keep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its stages read it all the same (see test_sources_untouched)."""
    source = tmp_path / "c\udcff"
    generate(source, SMALL)
    sentence = said(capsys, "run", "--home", tmp_path / "h", "--source", source)
    assert "is no UTF-8" in sentence
    assert "give a link to it" in sentence


def test_an_engine_that_is_not_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    wanted = "The engine ray needs Ray, which is not installed: pip install 'recengine[ray]' here and on every node."
    assert said(capsys, "run", "--engine", "ray", "--home", tmp_path / "h") == f"Error: {wanted}"
    assert not (tmp_path / "h").exists()
