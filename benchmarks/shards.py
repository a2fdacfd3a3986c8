"""Whole nights by one process and by a Ray cluster of two nodes: ``python -m benchmarks.shards [MILLION ...]``.

For each number of millions of generated ratings (10 and 100 when left out; 154 a user, of 60,000 movies):
``recengine run`` on a fresh home, by ``local`` and by two nodes on this machine, whose tables have to be the same. 10
take 3 minutes, 100 half an hour and 30 GB of disk. Then the pages: of what was measured, and of what a billion need.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.billion import Night, page_of
from benchmarks.report import markdown, write
from benchmarks.scale.process import CLI, Outcome, recengine, watch
from benchmarks.scale.results import Results, state_of_the_code
from recengine.warehouse.connection import published

MOVIES, PER_USER, SEED, TOP_N = 60_000, 154, 1, 20
TABLES = ("recommendations", "reasons", "similar_movies", "popular_movies")
WHAT = {
    "recommendations": "* EXCLUDE (model_id, generated_at)"
}  # when it was made is another thing each time
ENGINES = {"local": [sys.executable, "-c", CLI], "two nodes": [sys.executable, "-m", "benchmarks.two_nodes"]}
STAGES = ("ingest", "features", "train", "score", "publish")
HEADER = (
    "million ratings",
    "engine",
    "s",
    "peak GiB",
    "of which",
    "in shards' tasks, s",
    "a worker's own MB",
)
NOTES = [
    f"`recengine run --top-n {TOP_N} --set tune.first_night=0` through Prefect, from csv files to the published "
    f"file, on a fresh home; generated ratings, {PER_USER} a user, of {MOVIES:,} movies; shards of 5 million. "
    "`local` is one process; `two nodes` a Ray cluster of a head without CPUs and two nodes with one each, on the "
    "same two cores. Peak: pages that processes share counted once, Ray's own processes included. A worker's own "
    "memory is what it holds beside mapped files.",
    f"The rows of {', '.join(f'`{table}`' for table in TABLES)} were the same by both engines at every size. A first "
    "night's tuning is left out: how far it comes is a matter of seconds.",
]


def main() -> None:
    """Measure what is asked for and not there yet, then write the pages."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.shards",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    home = os.environ.get("RECENGINE_HOME", "data")
    parser.add_argument("million", nargs="*", type=int, default=[10, 100])
    parser.add_argument("--cache", default=f"{home}/benchmarks", help="data, results and scratch space")
    parser.add_argument("--key", help="name of the run; the commit when left out")
    asked = parser.parse_args()
    cache = Path(asked.cache).absolute()
    results = Results(cache / "results" / (asked.key or state_of_the_code()))
    found = {
        (million, engine): results.measured(
            f"shards {engine}",
            f"{million}m",
            lambda m=million, e=engine: night(m, e, cache),  # type: ignore[misc]
        )
        for million in asked.million
        for engine in ENGINES
    }
    for million in asked.million:
        tables = [found[million, engine]["tables"] for engine in ENGINES]
        assert tables[0] == tables[1], (million, tables)
    write("shards", "Past one box: nights by shards", NOTES, tables_of(found), [*found.values()])
    if len(asked.million) > 1:
        page_of(*(Night.of(found[million, "two nodes"]) for million in (asked.million[0], asked.million[-1])))


def night(million: int, engine: str, cache: Path) -> dict[str, Any]:
    """One night on so many million ratings, and what its tables hold."""
    ratings, home = million * 10**6, cache / "scratch" / "shards"
    data, users = cache / "data" / f"{million}m-shards", ratings // PER_USER
    if not data.exists():
        data.parent.mkdir(parents=True, exist_ok=True)
        shape = {"--users": users, "--movies": MOVIES, "--ratings": ratings, "--seed": SEED}
        options = [str(part) for option in shape.items() for part in option]
        recengine("generate", str(data), "--layout", "ml-25m", *options, home=cache / "home").check()
    shutil.rmtree(home, ignore_errors=True)
    asked = ["-v", "run", "--source", str(data), "--top-n", str(TOP_N), "--home", str(home)]
    asked += ["--set", "tune.first_night=0"]
    outcome = watch(ENGINES[engine] + asked).check()
    found = outcome.figures | {"ratings": ratings, "users": users, "engine": engine, **inside(outcome)}
    found["tables"] = sums_of(home)
    shutil.rmtree(home)
    return found


def inside(outcome: Outcome) -> dict[str, Any]:
    """Seconds of the stages, and of the tasks on shards by what they do."""
    stages, tasks = dict.fromkeys(STAGES, 0.0), dict[str, float]()
    for stage in outcome.stages:
        if stage.name in stages:
            stages[stage.name] += stage.seconds
        elif stage.name == "ray":
            what = stage.text.partition(",")[0]
            tasks[what] = tasks.get(what, 0.0) + stage.seconds
    return {"stages": stages, "tasks": tasks, "worker_mb": outcome.peak_worker / 1e6}


def sums_of(home: Path) -> dict[str, str]:
    """Of each table the number of rows and the sum of all rows' hashes."""
    query = "SELECT count(*) || ' rows, ' || sum(hash(one)) FROM (SELECT {} FROM {}) AS one"
    with published(home / "serving.duckdb") as readers:
        return {
            table: readers.execute(query.format(WHAT.get(table, "*"), table)).fetchall()[0][0]
            for table in TABLES
        }


def tables_of(found: dict[tuple[int, str], dict[str, Any]]) -> list[str]:
    """What was measured, and how it grows from the smallest to the largest size."""
    rows = [
        (
            f"{million:,}",
            engine,
            f"{one['seconds']:.0f}",
            f"{one['pss_gib']:.1f}",
            ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in one["stages"].items()),
            f"{sum(one['tasks'].values()):.0f}" if one["tasks"] else "",
            f"{one['worker_mb']:,.0f}" if one["tasks"] else "",
        )
        for (million, engine), one in found.items()
    ]
    sizes = sorted({million for million, _ in found})
    if len(sizes) < 2:
        return [markdown(HEADER, rows)]
    growth = []
    for engine in ENGINES:
        small, large = found[sizes[0], engine], found[sizes[-1], engine]
        parts = {"whole night": "seconds", "peak memory": "pss_gib"}
        figures = {name: (small[key], large[key]) for name, key in parts.items()}
        figures |= {stage: (small["stages"][stage], large["stages"][stage]) for stage in STAGES}
        if small["tasks"]:
            figures["shards' tasks"] = (sum(small["tasks"].values()), sum(large["tasks"].values()))
            figures["a worker's own memory"] = (small["worker_mb"], large["worker_mb"])
        growth += [
            (name, engine, f"{few:.1f}", f"{many:.1f}", f"{exponent(few, many, sizes[-1] / sizes[0]):.2f}")
            for name, (few, many) in figures.items()
            if few and many
        ]
    header = ("what", "engine", f"{sizes[0]} million", f"{sizes[-1]} million", "exponent")
    return [markdown(HEADER, rows), "## Growth", markdown(header, growth)]


def exponent(few: float, many: float, times: float) -> float:
    """Cost grows as ratings to the power of it."""
    return math.log(many / few) / math.log(times)


if __name__ == "__main__":
    main()
