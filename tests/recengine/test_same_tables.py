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
from recengine.models import DEFAULT
from recengine.selection import TrainConfig
from recengine.warehouse.connection import warehouse

# What a publication is called and when it was made differ; everything else may not.
TABLES = {
    "recommendations": "* EXCLUDE (generated_at)",
    "similar_movies": "*",
    "popular_movies": "*",
    "movies": "*",
    "users": "*",
    "publication": "* EXCLUDE (generated_at, version)",
}


def night(root: Path, model: str) -> dict[str, list[tuple[object, ...]]]:
    home = Home.at(root)
    folder = loaded(home)
    report = train.train(home, folder, TrainConfig(model=model, seed=4), force=True)
    assert report.model_id is not None
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, report.model_id, score.ScoreConfig())
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


@pytest.mark.slow
def test_the_night_that_compiles_gives_the_tables_of_the_night_after(tmp_path: Path) -> None:
    kept = {"NUMBA_CACHE_DIR": str(tmp_path / "compiled")}
    first, second = (printed(DEFAULT, tmp_path / name, **kept) for name in ("one", "two"))
    assert list((tmp_path / "compiled").rglob("*.nbc"))
    assert first == second


def test_a_loop_that_another_calls_is_compiled_into_it() -> None:
    """As a function of its own it rounds in the process that compiles it as it does in no later one."""
    models = [f"recengine.models.{module.name}" for module in pkgutil.iter_modules(recengine.models.__path__)]
    found = [
        loop
        for name in ["recengine.similar", *models]
        for loop in vars(importlib.import_module(name)).values()
        if isinstance(loop, Dispatcher)
    ]
    assert len(found) > 20
    assert [loop.__name__ for loop in found if not loop.targetoptions.get("forceinline")] == []


if __name__ == "__main__":
    print(json.dumps(hashes(night(Path(sys.argv[2]), sys.argv[1]))))
