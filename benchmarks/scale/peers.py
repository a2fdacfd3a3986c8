"""Contenders from the same raw files to the same Parquet, and how good their lists are on the same holdout."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scale.contenders import CONTENDERS
from benchmarks.scale.holdout import Holdout
from benchmarks.scale.night import whole
from benchmarks.scale.process import Outcome, module

NIGHT = "recengine run, the whole night"
NAMES = (NIGHT, *CONTENDERS)
LIMIT = 3_600.0  # seconds a contender is given before it is stopped


def compete(name: str, data: Path, holdout: Holdout, scratch: Path, vector: Path) -> dict[str, Any]:
    """One contender: time and memory on all of the data, nDCG of what it learns from the holdout's past.

    Parameters
    ----------
    name : str
        One of ``NAMES``.
    data : Path
        The folder with all ratings.
    holdout : Holdout
        The same ratings cut in time.
    scratch : Path
        Where its files may lie meanwhile.
    vector : Path
        Where the nDCG of every judged user is kept (``.npy``), for paired comparisons.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    found = _once(name, data, scratch / "all")
    if not found.get("stopped"):
        past = _once(name, holdout.train, scratch / "past")
        found["holdout"] = past
        if not past.get("stopped"):
            per_user = holdout.ndcg(scratch / "past" / "top.parquet")
            vector.parent.mkdir(parents=True, exist_ok=True)
            np.save(vector, per_user)
            found["ndcg@10"], found["judged_users"] = float(per_user.mean()), len(per_user)
    shutil.rmtree(scratch)
    return found


def _once(name: str, data: Path, home: Path) -> dict[str, Any]:
    if name == NIGHT:
        return whole(data, home)
    home.mkdir(parents=True)
    outcome = module("contenders", name, data, home / "top.parquet", limit=LIMIT)
    if outcome.timed_out or outcome.code == -9:
        return outcome.figures | {"stopped": _why(outcome)}
    steps = outcome.check().answer
    stopped = steps.pop("stopped", None)
    return outcome.figures | {"steps": steps} | ({"stopped": _how_far(stopped)} if stopped else {})


def _why(outcome: Outcome) -> str:
    return f"stopped after {LIMIT:,.0f} s" if outcome.timed_out else "killed: out of memory"


def _how_far(stopped: dict[str, float]) -> str:
    share = stopped["ratings"] / stopped["of"]
    whole_loop = f"{stopped['extrapolated']:,.0f} s"
    return f"stopped by us after {share:.1%} of its loop; extrapolated, the loop takes {whole_loop}"
