"""``recengine tradeoff`` on a small home: what it prints and draws, and what it refuses before it fits anything."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from stage_commands import start

from recengine.synthetic.generator import GeneratorConfig, generate

SMALL = GeneratorConfig(layout="ml-100k", users=40, movies=60, ratings=1_000, seed=7)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a trained model."""
    home, source = (tmp_path_factory.mktemp("trained") / name for name in ("home", "source"))
    generate(source, SMALL)
    for stage in (("ingest", "--source", source), ("train", "--model", "ease", "--force")):
        assert start(*stage, "--home", home) == 0
    return home


def test_the_curves_are_printed_and_drawn(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("tradeoff", "--home", home, "--switch", "diversity", "--weight", "0.2", "--users", "10")
    drawing = tmp_path / "t.svg"
    assert start(*asked, "--output", drawing) == 0
    told = capsys.readouterr()
    assert "ease on source: lists of 10" in told.out
    assert "10 of the " in told.err.replace("\n", " ")
    assert drawing.read_text().startswith("<svg")
    assert start(*asked, "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(point["switch"], point["weight"]) for point in found["points"]] == [("diversity", 0.2)]
    assert start(*asked, "--format", "csv") == 0
    frame = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert frame["switch"].tolist() == ["plain", "diversity"]
    assert frame["ndcg"].tolist() == pytest.approx(
        [found["plain"]["ndcg@10"], found["points"][0]["price"]["changed"]["ndcg@10"]]
    )


def test_mistakes_are_one_sentence(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for asked, said in (
        (("--switch", "luck"), "There is no switch 'luck'"),
        (("--weight", "3"), "diversity 3: input should be less than or equal to 0.9."),
        (("--output", tmp_path / "t.pdf"), "ends neither in .html nor in .svg"),
    ):
        assert start("tradeoff", "--home", home, *asked) == 2
        assert said in capsys.readouterr().err
    source = tmp_path / "source"
    generate(source, SMALL)
    assert start("ingest", "--source", source, "--home", tmp_path / "bare") == 0
    assert start("tradeoff", "--home", tmp_path / "bare") == 2
    assert "run `recengine train` first" in capsys.readouterr().err
