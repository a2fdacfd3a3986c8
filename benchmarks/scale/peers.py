"""Contenders from the same raw files to the same Parquet, and how good their lists are on the same holdout."""

from __future__ import annotations

import shutil
import signal
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


def compete(name: str, holdout: Holdout, scratch: Path, vector: Path) -> dict[str, Any]:
    """One contender: time, memory and nDCG of one run on the ratings before the holdout's cut.

    Parameters
    ----------
    name : str
        One of ``NAMES``.
    holdout : Holdout
        The ratings cut in time.
    scratch : Path
        Where its files may lie meanwhile.
    vector : Path
        Where the nDCG of every judged user is kept (``.npy``), for paired comparisons.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    found = _once(name, holdout.train, scratch)
    if not found.get("stopped"):
        per_user = holdout.ndcg(scratch / "top.parquet")
        vector.parent.mkdir(parents=True, exist_ok=True)
        np.save(vector, per_user)
        found["movies_shown"], found["tail_shown"] = holdout.shown(scratch / "top.parquet")
        found["ndcg@10"], found["judged_users"] = float(per_user.mean()), len(per_user)
    shutil.rmtree(scratch)
    return found


def _once(name: str, data: Path, home: Path) -> dict[str, Any]:
    if name == NIGHT:
        night = whole(data, home)
        return night | {"seconds": night["seconds"] + night["export"]}  # the others write Parquet too
    home.mkdir(parents=True)
    outcome = module("contenders", name, data, home / "top.parquet", limit=LIMIT)
    if outcome.code:
        return outcome.figures | {"stopped": _why(outcome)}
    steps = outcome.answer
    stopped = steps.pop("stopped", None)
    return outcome.figures | {"steps": steps} | ({"stopped": _how_far(stopped)} if stopped else {})


def _why(outcome: Outcome) -> str:
    """Why a contender has no result: that it cannot do this size is one of the findings."""
    if outcome.timed_out:
        return f"stopped by us after {LIMIT:,.0f} s"
    if outcome.code == -signal.SIGKILL:
        return "killed by the system: out of memory"
    said = [text for _, text in outcome.lines if any(map(str.isalpha, text))]
    return f"failed with status {outcome.code}: {said[-1] if said else 'it said nothing'}"


def _how_far(stopped: dict[str, float]) -> str:
    share = stopped["ratings"] / stopped["of"]
    whole_loop = f"{stopped['extrapolated']:,.0f} s"
    return f"stopped by us after {share:.1%} of its loop; extrapolated, the loop takes {whole_loop}"
