"""Every compiled loop made once, before anybody waits for it: ``python -m recengine.upkeep.precompile`` (a minute).

Numba compiles a loop when it is first called, for the types it is called with, and keeps the code beside the source.
A small night of its own, in a folder that goes again, calls them all.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from recengine import features, ingest, score, train
from recengine.config import Home
from recengine.knobs.stages import IngestConfig, ScoreConfig, TrainConfig
from recengine.movielens.layouts import recognise
from recengine.synthetic.generator import GeneratorConfig, generate
from recengine.warehouse.connection import warehouse

# Larger than one tile of every kernel, and with movies beyond the closed form's.
DATA = GeneratorConfig(layout="ml-1m", users=300, movies=500, ratings=12_000, seed=1)
LISTS = (
    ScoreConfig(genre_n=2),
    ScoreConfig(diversity=0.1, calibration=0.1, popularity_debias=0.1, rank_by=0.1, genre_n=2),
)


def precompile() -> None:
    """Train, score and explain once; nothing of it is kept but the code."""
    with tempfile.TemporaryDirectory(prefix="recengine-precompile-") as folder:
        home, source = Home.at(Path(folder) / "home"), Path(folder) / "source"
        generate(source, DATA)
        with warehouse(home.warehouse) as con:
            ingest.ingest(con, recognise(source), IngestConfig())
            snapshot = features.build(con, home).folder
        model_id = train.train(home, snapshot, TrainConfig(), lists=LISTS[0], force=True).model_id
        if model_id is None:
            raise AssertionError("what is forced is trained")
        with warehouse(home.warehouse) as con:
            for lists in LISTS:
                score.score(con, home, snapshot, model_id, lists)


if __name__ == "__main__":
    precompile()
