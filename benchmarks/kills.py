"""What a Ray cluster loses in the tests, and how it ends: ``python -m benchmarks.kills`` (6 minutes, needs Ray).

Runs the slow tests of the cluster, whose workers, nodes and drivers are really killed, and writes what each noted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.report import markdown, write
from benchmarks.scale.process import ROOT

TESTS = ("tests/recengine/engine/test_ray_faults.py", "tests/flows/test_ray_nights.py")
HEADER = ("lost", "during", "tries of each shard", "s", "end")


def main() -> int:
    """Run the tests and write the page; ends as they do."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        settings = os.environ | {"RECENGINE_KILL_LOG": str(log)}
        tests = [sys.executable, "-m", "pytest", "-m", "slow", *TESTS]
        code = subprocess.run(tests, cwd=ROOT, env=settings, check=False).returncode
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    note = (
        "A head without CPUs and two nodes of one on this machine. The same bits: files or weights have the hashes "
        "of those made by one process. Where lists are made, each shard counts twice: users, and a range of movies."
    )
    write("kills", "Past one box: what was killed", [note], [markdown(HEADER, rows)], rows)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
