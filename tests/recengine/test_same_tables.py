"""The same input, config and seed give the same tables bit for bit, whatever the home."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from engine_homes import loaded

from recengine import publish, score, train
from recengine.config import Home
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
