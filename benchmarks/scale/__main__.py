"""What a night costs at every size: ``python -m benchmarks.scale [parts and sizes] [--peers NAME ...]``.

Parts: shape, night (through Prefect), again (the second night), stages (one process each, with floors),
quarter (a quarter of the memory), threads (pools of threads), peers; all when left out. Sizes: 100k, 1m, 10m,
25m; all when left out. ``python -m benchmarks.scale night 25m`` measures one, ``pages`` only writes the pages.
``--against REVISION`` measures the first and the second night of that revision's code and of this one, one after the
other, and writes their ratios. What was measured is kept under ``--cache``, so that an interrupted run goes on; a
change of the code starts anew, unless ``--key`` names a run to go on with.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.scale import against, night, pages, peers, pools
from benchmarks.scale.holdout import holdout_of
from benchmarks.scale.results import Results, state_of_the_code
from benchmarks.scale.sizes import SIZES, data_of, shape

PARTS = ("shape", "night", "again", "stages", "quarter", "threads", "peers", "pages")


def main() -> None:
    """Measure what is asked for and not there yet, then write the pages."""
    options = _options()
    unknown = [word for word in options.words if word not in (*PARTS, *SIZES)]
    if unknown:
        raise SystemExit(f"{unknown[0]!r} is no part ({', '.join(PARTS)}) and no size ({', '.join(SIZES)}).")
    parts = [part for part in PARTS if part in options.words] or list(PARTS)
    sizes = [size for size in SIZES if size in options.words] or list(SIZES)
    cache = Path(options.cache).absolute()
    results = Results(cache / "results" / (options.key or state_of_the_code()))
    if options.against:
        against.measure(results, sizes, options.against, cache, options.leave_out.split())
        return
    for size in sizes if parts != ["pages"] else []:
        _measure(results, size, parts, cache, options.peers)
    pages.write_all(results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    home = os.environ.get("RECENGINE_HOME", "data")
    parser.add_argument("words", nargs="*", metavar="part or size")
    parser.add_argument(
        "--peers", nargs="+", default=[""], metavar="NAME", help="only contenders whose name has one of these"
    )
    parser.add_argument("--cache", default=f"{home}/benchmarks", help="data, results and scratch space")
    parser.add_argument("--key", help="name of the run; the commit when left out")
    parser.add_argument("--against", metavar="REVISION", help="two nights beside those of another revision")
    parser.add_argument(
        "--leave-out",
        default="",
        metavar="OPTIONS",
        help="with --against: once more with these options of run, which leave out what that revision does not do",
    )
    return parser.parse_args()


def _measure(results: Results, size: str, parts: list[str], cache: Path, chosen: list[str]) -> None:
    data, scratch = data_of(SIZES[size], cache), cache / "scratch"
    home, files = scratch / f"home-{size}", scratch / f"files-{size}"
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "shape": lambda: shape(data),
        "night": lambda: night.first(data, home, files),
        "again": lambda: night.again(data, home, files, results.stored("night", size)),
        "stages": lambda: night.by_stage(data, scratch / f"stages-{size}"),
        "quarter": lambda: night.with_less_memory(data, scratch / f"quarter-{size}"),
        "threads": lambda: pools.compare(data, scratch),
    }
    for part, measure in measures.items():
        if part in parts:
            results.measured(part, size, measure)
    if "peers" in parts:
        holdout = holdout_of(data, cache / "holdout" / size)
        for name in peers.NAMES:
            if any(word.lower() in name.lower() for word in chosen):
                vector = results.file(name, size, "npy")
                results.measured(name, size, partial(peers.compete, name, holdout, scratch / "peer", vector))


if __name__ == "__main__":
    main()
