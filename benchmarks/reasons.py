"""What reasons cost beside the lists, and how exact they are: ``python -m benchmarks.reasons [DATA ...]``.

For real data and generated data of MovieLens' sizes (``1m``: a minute, ``25m``: 10 minutes): ``hybrid``
is fitted once, every user's list of 20 is made, and its scores are taken apart, with 3 and with 20 reasons.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.realdata import NAMES, snapshot_of
from benchmarks.report import markdown, write
from benchmarks.scale.sizes import SIZES, data_of
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.evaluation.runner import EvaluateConfig, read_snapshot
from recengine.knobs.published import ScoreConfig
from recengine.models import make
from recengine.models.base import Model
from recengine.models.explaining import REASONS, Explaining
from recengine.score import recommend

TOP_N = 20
ASKED = (0, 3, 20)
HEADER = ("", "reasons", "lists, s", "reasons, s", "× lists", "rows", "MB", "largest error")


def main() -> None:
    """Measure the data that is asked for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reasons", description=__doc__)
    parser.add_argument("data", nargs="*", default=[*NAMES, "1m"], help=f"{', '.join([*NAMES, *SIZES])}")
    home = os.environ.get("RECENGINE_HOME", "data")
    parser.add_argument("--cache", default=Path(home, "benchmarks").absolute(), help="generated data")
    options = parser.parse_args()
    rows: list[tuple[object, ...]] = []
    for name in options.data:
        data = snapshot_of(name) if name in NAMES else _generated(name, Path(options.cache))
        model = make("hybrid").lighter().fit(data)
        _, movies = model.best(data, np.arange(100), TOP_N)  # what is compiled is warmed up
        model.reasons(data, np.arange(100), movies.numpy(), 3)
        rows += [(name, *_measured(model, data, asked)) for asked in ASKED]
    note = (
        "`hybrid` is fitted once, every user's list of 20 is made, and its scores are taken apart, with 3 and 20 "
        "reasons a row. The error is by how much parts and rest, as they are published, miss the score, a share of "
        "it where it is above 1. The lists alone, without similar movies; both are made with warm kernels."
    )
    write("reasons", "What reasons cost beside the lists", [note], [markdown(HEADER, rows)], rows)


def _generated(name: str, cache: Path) -> Snapshot:
    return read_snapshot(Home.at(cache / "home"), EvaluateConfig(source=data_of(SIZES[name], cache)))


def _measured(model: Model, data: Snapshot, asked: int) -> tuple[object, ...]:
    """Seconds of the lists and of their reasons, rows and bytes of these, and by how much they miss a score."""
    explaining = Explaining(data, asked)
    began = time.perf_counter()
    lists = pa.Table.from_batches(
        recommend(model, data, TOP_N, switches=ScoreConfig(), heard=explaining.hear)
    )
    seconds = time.perf_counter() - began
    batches = list(explaining.batches())
    reasons = pa.Table.from_batches(batches, schema=REASONS)
    error = 0.0
    if asked:
        with duckdb.connect() as con:
            con.register("reasons", reasons)
            con.register("lists", lists)
            [(error,)] = con.execute(
                "SELECT max(abs(total - score) / greatest(1, abs(score))) FROM lists JOIN "
                "(SELECT user_id, rank, sum(part::DOUBLE) AS total FROM reasons GROUP BY ALL) USING (user_id, rank)"
            ).fetchall()
    share = explaining.seconds / seconds
    return (
        asked,
        f"{seconds:.2f}",
        f"{explaining.seconds:.2f}",
        f"{share:.2f}",
        f"{len(reasons):,}",
        f"{reasons.nbytes / 1e6:.1f}",
        f"{error:.1e}",
    )


if __name__ == "__main__":
    main()
