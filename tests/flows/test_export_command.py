"""``--export`` and ``recengine export``: one word or two, what they write, and what is refused before that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stage_commands import start

from recengine.config import Home
from recengine.synthetic.generator import GeneratorConfig, generate

SMALL = GeneratorConfig(layout="ml-100k", users=40, movies=60, ratings=1_000, seed=7)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which everything but the publication has been made."""
    home, source = (tmp_path_factory.mktemp("scored") / name for name in ("home", "source"))
    generate(source, SMALL)
    stages = [("ingest", "--source", source), ("train", "--model", "popularity", "--force"), ("score",)]
    assert [start(*stage, "--home", home) for stage in stages] == [0] * 3
    return Home.at(home)


def test_a_publication_is_exported_and_may_be_again(
    scored: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    told = ("--export", "parquet", "to here", "--export", "csv", "--export=csv", "there", "--force")
    assert start("publish", *told, "--home", scored.root) == 0
    version = capsys.readouterr().out.strip()
    for folder in (tmp_path / "to here" / "parquet", scored.exports / "csv", tmp_path / "there" / "csv"):
        assert json.loads((folder / "manifest.json").read_text())["version"] == version
    assert (scored.exports / "csv" / "recommendations.csv").exists(), "named alone: a table a file"
    assert start("export", "csv", "later", "--home", scored.root) == 0
    assert f"Exported version {version}: csv {tmp_path}/later" in capsys.readouterr().err
    assert (tmp_path / "later" / "csv" / "index.csv").exists()
    (scored.root / "recengine.toml").write_text(f'[publish]\nexports = ["parquet {tmp_path}/by itself"]\n')
    assert start("export", "--home", scored.root) == 0
    assert (tmp_path / "by itself" / "parquet" / "index.parquet").exists()
    (scored.root / "recengine.toml").unlink()


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (
            ("run", "--export", "postgres", "postgresql://joe:hunter2@db/recs"),
            "put it into the environment (PGPASSWORD",
        ),
        (
            ("publish", "--export", "parqet", "/tmp/recs"),
            "There is no exporter 'parqet'; did you mean parquet?",
        ),
        (
            ("publish", "--set", "publish.exports=csv recs"),
            "--set: publish.exports.0: An export is a name, alone or with a whole path",
        ),
        (("run", "--export", "csv", "ftpx://host/recs"), "there is no file system ftpx://"),
        (("export",), "Say what to export, such as recengine export parquet /mnt/recs"),
    ],
)
def test_what_cannot_be_exported_is_told_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], told: tuple[str, ...], sentence: str
) -> None:
    assert start(*told, "--home", tmp_path / "home") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert sentence in said
    assert "hunter2" not in said
    assert not (tmp_path / "home" / "warehouse.duckdb").exists()


def test_nothing_is_exported_before_something_is_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").mkdir()
    assert start("export", "csv", tmp_path / "there", "--home", tmp_path / "home") == 2
    assert "Nothing is published yet; run `recengine run` first." in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "there").exists()
