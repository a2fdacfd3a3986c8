"""Do the pools of threads fight: ``python -m benchmarks.scale.pools WAY DATA OUT``.

The engine from raw files to lists in a process of its own; prints one JSON object with the seconds of every
step and the CPU seconds of all.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.scale.process import module

AS_SET, ALL_CORES = "as set (BLAS 1, all else all cores)", "BLAS on all cores too"
ONE = "RECENGINE_THREADS=1"
WAYS = (AS_SET, ALL_CORES, ONE)


def compare(data: Path, scratch: Path) -> dict[str, Any]:
    """Every way's figures by its name."""
    found = {}
    for way in WAYS:
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            env = {"RECENGINE_THREADS": "1"} if way == ONE else None
            outcome = module("pools", way, data, Path(folder) / "top.parquet", env=env).check()
        found[way] = outcome.figures | outcome.answer
    return found


def once(way: str, data: Path, out: Path) -> dict[str, float]:
    """Run the engine with this way's threads."""
    from threadpoolctl import threadpool_limits

    from benchmarks.scale.contenders import Steps, ours
    from recengine.runtime.threads import THREADS, own_threads

    steps = Steps()
    with own_threads():  # the blocks within this one leave BLAS as it finds it
        if way == ALL_CORES:
            threadpool_limits(THREADS, user_api="blas")
        ours(data, out, steps)
    return {"threads": THREADS, **steps, "cpu_seconds": time.process_time()}


if __name__ == "__main__":
    print(json.dumps(once(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))
