"""How long the default model takes to train on 100,000 ratings, gate included."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.report import markdown
from recengine import features
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.knobs.stages import TrainConfig
from recengine.train import train

RUNS = 3


def run(snapshots: dict[str, Snapshot], processes: int) -> tuple[str, list[float]]:
    """The table in Markdown and the seconds of each run."""
    seconds, snapshot = [], snapshots["ml-100k"]
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            home = Home.at(folder)
            features.write(snapshot, home.snapshots / snapshot.fingerprint)
            began = time.perf_counter()
            train(home, Path(home.snapshots / snapshot.fingerprint), TrainConfig())
            seconds.append(time.perf_counter() - began)
            print(f"{seconds[-1]:.1f} s", flush=True)
    rows = [["hybrid: candidates judged, gate, refit on everything", *(f"{value:.1f}" for value in seconds)]]
    header = ("ml-100k, recency auto", *(f"run {number}, s" for number in range(1, RUNS + 1)))
    note = (
        f"Wall time of the train stage on ml-100k, nothing cached; median {statistics.median(seconds):.1f} s."
    )
    return f"{note}\n\n{markdown(header, rows)}", seconds
