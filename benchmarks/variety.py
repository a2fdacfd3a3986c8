"""What the lists' switches show, cost and take: ``python -m benchmarks.variety [DATA ...]``.

For real data and generated data of MovieLens' sizes: the newest fifth of the ratings is held out, ``hybrid`` is
fitted once, and every user's list is made plain and with each switch. ``25m`` alone, plain and with popularity
debiased mildly, is a page of its own (7 minutes).
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.realdata import NAMES, snapshot_of
from benchmarks.report import markdown, write
from benchmarks.scale.sizes import SIZES, data_of
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.evaluation import beyond_accuracy
from recengine.evaluation.bootstrap import Bootstrap, paired_difference
from recengine.evaluation.metrics import ranking_metrics
from recengine.evaluation.runner import EvaluateConfig, read_snapshot
from recengine.evaluation.splits import temporal
from recengine.knobs.published import ScoreConfig
from recengine.models import make
from recengine.models.base import Model
from recengine.scoring.tables import BLOCK_USERS
from recengine.variety.lists import Lister

ASKED: tuple[dict[str, float], ...] = (
    {},
    *({"popularity_debias": weight} for weight in (0.05, 0.1, 0.2, 0.4)),
    *({switch: 0.1} for switch in ("diversity", "calibration", "rank_by")),
)
MILD: tuple[dict[str, float], ...] = ({}, {"popularity_debias": 0.1})
LARGE = 10_000_000  # ratings from which only these are measured
LENGTHS = (10, 20)
DRAWS = Bootstrap(draws=1000)
HEADER = (
    "",
    "movies shown",
    "× plain",
    "change of nDCG",
    "diversity",
    "miscalibration",
    "Gini",
    "s",
    "× plain",
)


def main() -> None:
    """Measure the data that is asked for and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.variety", description=__doc__)
    parser.add_argument("data", nargs="*", default=[*NAMES, "1m"], help=f"{', '.join([*NAMES, *SIZES])}")
    home = os.environ.get("RECENGINE_HOME", "data")
    parser.add_argument("--cache", default=f"{home}/benchmarks", help="generated data")
    options = parser.parse_args()
    data: dict[str, Any] = {}
    tables = []
    for name in options.data:
        data[name] = measured(_snapshot(name, Path(options.cache).absolute()))
        tables += [_said(name, data[name]), *(_table(data[name], n) for n in LENGTHS)]
    page = "variety" if options.data != ["25m"] else "variety_25m"
    command = f"python -m benchmarks.variety {' '.join(options.data)}"
    write(page, "What the lists' switches show, cost and take", [_note()], tables, data, command=command)


def measured(snapshot: Snapshot) -> dict[str, Any]:
    """Figures of every kind of lists that ``ASKED`` names, by their length."""
    split = temporal(snapshot)
    model = make("hybrid").lighter().fit(split.train)
    users = np.flatnonzero(np.diff(split.train.ratings.indptr))
    judged, relevant = split.relevance()
    found: dict[str, Any] = {
        "movies": snapshot.movies,
        "users": len(users),
        "judged": len(judged),
        "lists": {n: {} for n in LENGTHS},
    }
    places = np.searchsorted(users, judged)
    for n in LENGTHS:
        plain = None
        for asked in ASKED if snapshot.ratings.nnz < LARGE else MILD:
            top, seconds = _lists(model, split.train, users, n, asked)
            vector = ranking_metrics(top[places], relevant, (n,))[f"ndcg@{n}"]
            plain = vector if plain is None else plain
            found["lists"][n][_name(asked)] = _figures(top, split.train, users) | {
                "ndcg": float(vector.mean()),
                "change": _change(vector, plain),
                "seconds": seconds,
            }
    return found


def _snapshot(name: str, cache: Path) -> Snapshot:
    if name in NAMES:
        return snapshot_of(name)
    if name not in SIZES:
        raise SystemExit(f"{name!r} is no data; choose of {', '.join([*NAMES, *SIZES])}.")
    return read_snapshot(Home.at(cache / "home"), EvaluateConfig(source=data_of(SIZES[name], cache)))


def _name(asked: dict[str, float]) -> str:
    return ", ".join(f"{switch} {weight:g}" for switch, weight in asked.items()) or "plain"


def _lists(
    model: Model, train: Snapshot, users: NDArray[np.int64], n: int, asked: dict[str, float]
) -> tuple[NDArray[np.int64], float]:
    """Everybody's lists, and the seconds they take; the first block of users warms up what is compiled."""
    Lister.of(model, train, ScoreConfig(**asked)).lists(users[:256], n)
    began = time.perf_counter()
    lister = Lister.of(model, train, ScoreConfig(**asked))
    blocks = [
        lister.lists(users[at : at + BLOCK_USERS], n).movies for at in range(0, len(users), BLOCK_USERS)
    ]
    return np.vstack(blocks), time.perf_counter() - began


def _figures(top: NDArray[np.int64], train: Snapshot, users: NDArray[np.int64]) -> dict[str, float]:
    """What everybody's lists are like."""
    lists = beyond_accuracy.incidence(top, train.movies)
    exposure = np.asarray(lists.sum(axis=0))
    traits = beyond_accuracy.list_figures(lists, train, users)
    return {
        "shown": int(np.count_nonzero(exposure)),
        "diversity": float(np.nanmean(traits["intra_list_diversity"])),
        "miscalibration": float(np.nanmean(traits["miscalibration"])),
        "gini": float(beyond_accuracy.gini(exposure)),
    }


def _change(changed: NDArray[np.float64], plain: NDArray[np.float64]) -> tuple[float, float, float]:
    """Of nDCG and its interval, as shares of the plain lists'."""
    found = paired_difference(changed, plain, DRAWS)
    return tuple(float(value / plain.mean()) for value in (found.mean, found.low, found.high))  # type: ignore[return-value]


def _note() -> str:
    return (
        "The newest 20 % of the ratings held out, `hybrid` fitted once on the others; lists of every user who has "
        "ratings there. Movies shown: on anybody's list. nDCG at the length of the lists, of the users who rate on "
        "both sides, with the 95 % interval of the paired difference to plain lists, as a share. Seconds: all lists, "
        "what a switch gets ready included. Ratios are to plain lists of the same run."
    )


def _said(name: str, found: dict[str, Any]) -> str:
    return f"## {name}\n\n{found['users']:,} users, {found['movies']:,} movies; {found['judged']:,} users judged."


def _table(found: dict[str, Any], n: int) -> str:
    lists = found["lists"][n]
    plain = lists["plain"]
    rows = []
    for name, one in lists.items():
        mean, low, high = (100 * share for share in one["change"])
        change = f"{one['ndcg']:.4f}" if name == "plain" else f"{mean:+.2f} % [{low:+.2f}, {high:+.2f}]"
        traits = (f"{one[trait]:.3f}" for trait in ("diversity", "miscalibration", "gini"))
        times = (f"{one[what] / plain[what]:.2f}" for what in ("shown", "seconds"))
        rows.append(
            (name, f"{one['shown']:,}", next(times), change, *traits, f"{one['seconds']:.2f}", next(times))
        )
    return markdown((f"lists of {n}", *HEADER[1:]), rows)


if __name__ == "__main__":
    main()
