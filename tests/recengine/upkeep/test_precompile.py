"""What is compiled beforehand is all that a first night needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recengine.synthetic.generator import GeneratorConfig, generate

# A night without Prefect, of data unlike what is compiled for: no attributes, another size.
NIGHT = """
import sys
from pathlib import Path
from recengine import features, ingest, score, train
from recengine.config import Home
from recengine.knobs.stages import IngestConfig, ScoreConfig, TrainConfig
from recengine.movielens.layouts import recognise
from recengine.warehouse.connection import warehouse

home = Home.at(Path(sys.argv[1]))
with warehouse(home.warehouse) as con:
    ingest.ingest(con, recognise(Path(sys.argv[2])), IngestConfig())
    folder = features.build(con, home).folder
model_id = train.train(home, folder, TrainConfig(), lists=ScoreConfig(), force=True).model_id
with warehouse(home.warehouse) as con:
    score.score(con, home, folder, model_id, ScoreConfig())
"""


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["ml-100k", "csv"])
def test_a_night_after_it_compiles_nothing(layout: str, tmp_path: Path) -> None:
    kept = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "compiled")}
    subprocess.run([sys.executable, "-m", "recengine.upkeep.precompile"], env=kept, check=True)
    before = sorted((tmp_path / "compiled").rglob("*.nbc"))
    assert before
    generate(
        tmp_path / "source", GeneratorConfig(layout=layout, users=700, movies=400, ratings=20_000, seed=3)
    )
    told = [sys.executable, "-c", NIGHT, tmp_path / "home", tmp_path / "source"]
    subprocess.run(told, env=kept, check=True)
    assert sorted((tmp_path / "compiled").rglob("*.nbc")) == before
