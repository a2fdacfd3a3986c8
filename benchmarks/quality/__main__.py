"""All quality tables on one page: ``python -m benchmarks.quality`` (about half an hour on two cores)."""

from __future__ import annotations

import argparse
import os
from typing import Any

from benchmarks.movielens import datasets
from benchmarks.quality import ablation, new_users, ranking, rolling, stars, timing
from benchmarks.report import write
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.evaluation.runner import EvaluateConfig, read_snapshot


def main() -> None:
    """Run the chosen tables and write their pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "tables", nargs="*", help="ranking, stars, rolling, new_users, ablation, timing; all when left out"
    )
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count(), help="independent fits beside each other"
    )
    options = parser.parse_args()
    chosen = options.tables or ["ranking", "stars", "rolling", "new_users", "ablation", "timing"]
    ml100k = snapshot_of("ml-100k")
    if "ranking" in chosen:
        page("ranking", "Lists under a random split", *ranking.run(ml100k))
    if "stars" in chosen:
        page("stars", "Predicted stars", *stars.run(options.processes))
    if "rolling" in chosen:
        snapshots = {"ml-100k": ml100k, "ml-latest-small": snapshot_of("ml-latest-small")}
        page("rolling", "Lists under global time splits", *rolling.run(snapshots, options.processes))
    if "new_users" in chosen:
        page("new_users", "Users with few ratings", *new_users.run(ml100k))
    if "ablation" in chosen:
        page("ablation", "What each part is worth", *ablation.run(ml100k, options.processes))
    if "timing" in chosen:
        page("timing", "Seconds to train", *timing.run(ml100k))


def page(name: str, title: str, table: str, data: Any) -> None:
    """Write one table's page."""
    write(f"quality_{name}", title, [], [table], data, command=f"python -m benchmarks.quality {name}")


def snapshot_of(name: str) -> Snapshot:
    """A dataset as a snapshot in memory."""
    home = Home.at(os.environ.get("RECENGINE_HOME", "data"))
    return read_snapshot(home, EvaluateConfig(source=datasets() / name))


if __name__ == "__main__":
    main()
