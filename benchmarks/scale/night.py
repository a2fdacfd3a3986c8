"""The night as users run it, the same night stage by stage, a night after it, and one with less memory."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.scale.holdout import HEAD
from benchmarks.scale.process import ROOT, Outcome, Stage, module, recengine
from recengine.warehouse.connection import published
from recengine.warehouse.sqlfiles import path_literal

TOP_N = 20
STAGES = ("ingest", "features", "train", "score", "publish")
NEW_SHARE = 0.001
NEW_FILE = "ratings-2.csv"
LESS_MEMORY = 0.25

# Movies that at least one user is recommended: all, and those beyond the ? most rated.
_SHOWN = """
    WITH placed AS (SELECT movie_id, row_number() OVER (ORDER BY ratings DESC, movie_id) AS place FROM movies)
    SELECT count(*), count(*) FILTER (place > ?)
    FROM placed SEMI JOIN recommendations USING (movie_id)
"""


def whole(folder: Path, home: Path, root: Path = ROOT, options: Sequence[str] = ()) -> dict[str, Any]:
    """``recengine run`` on a fresh home, through Prefect; the home is left for what comes after it."""
    shutil.rmtree(home, ignore_errors=True)
    return _night(folder, home, root=root, options=options)


def first(
    folder: Path, home: Path, files: Path, root: Path = ROOT, options: Sequence[str] = ()
) -> dict[str, Any]:
    """The first night, on a folder of links to the data, to which ``again`` adds a file.

    ``root`` is where the code of the night lies, ``options`` are further ones of ``recengine run``.
    """
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir(parents=True)
    for file in folder.iterdir():
        (files / file.name).symlink_to(file.resolve())
    return whole(files, home, root, options)


def by_stage(folder: Path, home: Path) -> dict[str, Any]:
    """The same night without Prefect, each stage in a process of its own, and each one's physical floor."""
    shutil.rmtree(home, ignore_errors=True)
    options: dict[str, tuple[str, ...]] = {
        "ingest": ("--source", str(folder)),
        "train": ("--force",),
        "score": ("--top-n", str(TOP_N)),
    }
    found: dict[str, Any] = {}
    for name in STAGES:
        outcome = recengine(name, *options.get(name, ()), home=home).check()
        found[name] = outcome.figures | {"inside": _inside(outcome.stages)}
    for name in ("ingest", "score", "publish"):
        found[name]["floor"] = module("floors", name, folder, home).check().answer
    shutil.rmtree(home)
    return found


def again(
    folder: Path,
    home: Path,
    files: Path,
    before: dict[str, Any] | None,
    root: Path = ROOT,
    options: Sequence[str] = (),
) -> dict[str, Any]:
    """The night after ``first``: ``NEW_SHARE`` more ratings lie in a file of their own beside the others.

    ``before`` is what that first night cost; without it, or without its home and files, it is run anew.
    """
    new = files / NEW_FILE
    if before is None or not (home / "serving.duckdb").exists() or not files.exists() or new.exists():
        before = first(folder, home, files, root, options)
    added = new_ratings(folder / "ratings.csv", new)
    second = _night(files, home, root=root, options=options)
    for old in (home, files):
        shutil.rmtree(old)
    return {"new_ratings": added, "first": before, "second": second}


def with_less_memory(folder: Path, home: Path) -> dict[str, Any]:
    """The night with a quarter of the machine's memory as its limit (``RECENGINE_MEMORY_LIMIT``)."""
    shutil.rmtree(home, ignore_errors=True)
    allowed = int(LESS_MEMORY * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20)
    found = _night(folder, home, {"RECENGINE_MEMORY_LIMIT": f"{allowed}MiB"})
    shutil.rmtree(home)
    return found | {"limit_gib": allowed / 1024}


def new_ratings(ratings: Path, target: Path) -> int:
    """Write ratings newer than all others: pairs nobody rated yet, by users and of movies as active as any."""
    frame = pd.read_csv(ratings, usecols=["userId", "movieId", "timestamp"])
    wanted, random = round(len(frame) * NEW_SHARE), np.random.default_rng(0)
    drawn = pd.DataFrame(
        {name: random.choice(frame[name].to_numpy(), 2 * wanted) for name in ("userId", "movieId")}
    ).drop_duplicates()
    width = int(frame["movieId"].max()) + 1
    rated = np.isin(drawn["userId"] * width + drawn["movieId"], frame["userId"] * width + frame["movieId"])
    fresh = drawn[~rated].head(wanted)
    newest = int(frame["timestamp"].max())
    fresh = fresh.assign(rating=4.0, timestamp=newest + 1 + np.arange(len(fresh)))
    fresh.sort_values(["userId", "movieId"]).to_csv(target, index=False)
    return len(fresh)


def _night(
    folder: Path,
    home: Path,
    env: dict[str, str] | None = None,
    root: Path = ROOT,
    options: Sequence[str] = (),
) -> dict[str, Any]:
    asked = ("run", "--source", str(folder), "--top-n", str(TOP_N), *options)
    outcome = recengine(*asked, home=home, env=env, root=root).check()
    about = _export(home)
    parts = {"inside": _inside(outcome.stages), "beside": _beside(outcome), "tasks": _tasks(home)}
    judged = [stage.text for stage in outcome.stages if stage.text.startswith("judged")]
    return outcome.figures | about | parts | {"judged": judged}


def _export(home: Path) -> dict[str, Any]:
    """What is published; its lists written as the same Parquet file that peers end with, and the seconds."""
    with published(home / "serving.duckdb") as readers:
        row = readers.execute("SELECT model, users, recommendations FROM publication").fetchall()[0]
        began = time.perf_counter()
        readers.execute(
            'COPY (SELECT user_id AS "userId", rank, movie_id AS "movieId", score FROM recommendations) '
            f"TO {path_literal(home / 'top.parquet')} (FORMAT parquet)"
        )
        seconds = time.perf_counter() - began
        shown = readers.execute(_SHOWN, [HEAD]).fetchall()[0]
    counts = zip(
        ("model", "users", "recommendations", "movies_shown", "tail_shown"), (*row, *shown), strict=True
    )
    return dict(counts) | {"export": seconds}


def _inside(stages: list[Stage]) -> dict[str, float]:
    """Seconds by what the log lines say; judging is told from the fit, lists from similar movies."""
    seconds: dict[str, float] = defaultdict(float)
    for stage in stages:
        judged = stage.name == "train" and stage.text.startswith("judged")
        name = f"judge {stage.text.split()[1].rstrip(',')}" if judged else stage.name
        if lists := re.search(r"lists in (\d+\.\d+) s", stage.text):
            seconds["lists"] += float(lists[1])
            seconds["similar movies"] += stage.seconds - float(lists[1])
        else:
            seconds["fit" if name == "train" else name] += stage.seconds
    return dict(seconds)


def _beside(outcome: Outcome) -> dict[str, float]:
    """Wall clock outside of every stage: before the first, between them, after the last.

    Stages that ran beside each other (the candidates' judging) count once.
    """
    spans = sorted((max(0.0, stage.ended - stage.seconds), stage.ended) for stage in outcome.stages)
    first, reached, between = spans[0][0], spans[0][1], 0.0
    for begin, end in spans[1:]:
        between += max(0.0, begin - reached)
        reached = max(reached, end)
    after = outcome.seconds - reached
    return {"before": first, "between": between, "after": after, "total": first + between + after}


def _tasks(home: Path) -> dict[str, float]:
    """Seconds of the last run's tasks by Prefect's own account; a name without the run's random end."""
    with closing(sqlite3.connect(f"file:{home / 'prefect' / 'prefect.db'}?mode=ro", uri=True)) as con:
        rows = con.execute(
            "SELECT name, (julianday(end_time) - julianday(start_time)) * 86400 FROM task_run "
            "WHERE flow_run_id = (SELECT id FROM flow_run ORDER BY start_time DESC LIMIT 1) ORDER BY start_time"
        ).fetchall()
    return {re.sub(r"-[0-9a-f]{3}$", "", name): float(seconds) for name, seconds in rows}
