"""All quality tables on one page: ``python -m benchmarks.quality`` (25 minutes on two cores)."""

from __future__ import annotations

import argparse
import importlib
import os
from typing import Any

from benchmarks.realdata import NAMES, snapshot_of
from benchmarks.report import write

TITLES = {
    "lists": "Lists, against rivals",
    "defaults": "The defaults, on every data set",
    "stars": "Predicted stars",
    "new_users": "Users with few ratings",
    "ablation": "What each part is worth",
    "timing": "Seconds to train",
}


def main() -> None:
    """Run the chosen tables and write their pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", help=f"{', '.join(TITLES)}; all when left out")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count(), help="independent fits beside each other"
    )
    options = parser.parse_args()
    if unknown := [name for name in options.tables if name not in TITLES]:
        raise SystemExit(f"{unknown[0]!r} is no table; choose of {', '.join(TITLES)}.")
    snapshots = {name: snapshot_of(name) for name in NAMES}
    for name in options.tables or TITLES:
        # Only now: one table's package need not be installed for another.
        table = importlib.import_module(f"benchmarks.quality.{name}")
        page(name, *table.run(snapshots, options.processes))


def page(name: str, table: str, data: Any) -> None:
    """Write one table's page."""
    write(f"quality_{name}", TITLES[name], [], [table], data, command=f"python -m benchmarks.quality {name}")


if __name__ == "__main__":
    main()
