"""The same input, config and seed give the same tables bit for bit, whatever the home."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from engine_homes import loaded
from numba.core.dispatcher import Dispatcher

import recengine.models
from recengine import publish, score, train
from recengine.config import Home
from recengine.knobs.stages import ScoreConfig, TrainConfig
from recengine.models import DEFAULT
from recengine.warehouse.connection import warehouse

# What a publication is called and when it was made differ; everything else may not.
TABLES = {
    "recommendations": "* EXCLUDE (generated_at)",
    "similar_movies": "*",
    "popular_movies": "*",
    "movies": "*",
    "ratings": "*",
    "users": "*",
    "publication": "* EXCLUDE (generated_at, version)",
}


def night(root: Path, model: str) -> dict[str, list[tuple[object, ...]]]:
    home = Home.at(root)
    folder = loaded(home)
    report = train.train(home, folder, TrainConfig(model=model, seed=4), force=True)
    assert report.model_id is not None
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, report.model_id, ScoreConfig())
        publish.publish(con, home)
    with duckdb.connect(str(home.serving_link), read_only=True) as con:
        return {
            table: con.execute(f"SELECT {columns} FROM {table} ORDER BY rowid").fetchall()
            for table, columns in TABLES.items()
        }


@pytest.mark.parametrize("model", ["popularity", "sae"])
def test_two_homes_same_tables(model: str, tmp_path: Path) -> None:
    first, second = (night(tmp_path / name, model) for name in ("one", "two"))
    assert len(first["recommendations"]) == 400
    for table in TABLES:
        assert first[table] == second[table], table


def printed(model: str, root: Path, **env: str) -> dict[str, str]:
    """The tables' hashes by a night in a process of its own."""
    command = [sys.executable, __file__, model, str(root)]
    there = str(Path(__file__).parent) + os.pathsep + os.environ.get("PYTHONPATH", "")
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": there} | env, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def hashes(tables: dict[str, list[tuple[object, ...]]]) -> dict[str, str]:
    return {table: hashlib.sha256(repr(rows).encode()).hexdigest() for table, rows in tables.items()}


def test_another_process_same_tables_of_the_default_model(tmp_path: Path) -> None:
    """Whatever order sets of strings have, and with two threads: torch has one in a part of a fit either way."""
    here = hashes(night(tmp_path / "here", DEFAULT))
    there = printed(DEFAULT, tmp_path / "there", PYTHONHASHSEED="12", RECENGINE_THREADS="2")
    assert there == here


SCORED = """
import hashlib
import numpy as np
from scipy.sparse import csr_array
from recengine.models.kernels.blocks import Block, Catalogue
from recengine.models.kernels.offer import Offer

rng = np.random.default_rng(0)
def drawn(*shape):
    return rng.normal(size=shape).astype(np.float32)

block = Block(Catalogue(drawn(40, 1_700), drawn(1_200, 1_200), drawn(1_700)), drawn(300, 40),
              csr_array(rng.random((300, 1_200)) < 0.05))
values, movies = block.best(Offer.without(csr_array(rng.random((300, 1_700)) < 0.05)), np.arange(1_700), 10)
print(hashlib.sha256(values.tobytes() + movies.tobytes() + block.scores().tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_the_process_that_compiles_scores_as_the_one_after_it(tmp_path: Path) -> None:
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", SCORED]
    runs = [subprocess.run(command, env=env, capture_output=True, text=True, check=True) for _ in range(2)]
    assert list(tmp_path.rglob("*.nbc"))
    assert len(runs[0].stdout) == 65
    assert runs[0].stdout == runs[1].stdout


def test_a_loop_that_another_calls_is_compiled_into_it() -> None:
    """As a function of its own it rounds in the process that compiles it as it does in no later one."""
    walk = pkgutil.walk_packages(recengine.models.__path__, "recengine.models.")
    found = [
        loop
        for module in walk
        for loop in vars(importlib.import_module(module.name)).values()
        if isinstance(loop, Dispatcher)
    ]
    assert len(found) > 20
    assert [loop.__name__ for loop in found if not loop.targetoptions.get("forceinline")] == []


if __name__ == "__main__":
    print(json.dumps(hashes(night(Path(sys.argv[2]), sys.argv[1]))))
