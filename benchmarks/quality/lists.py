"""The table of lists: values, differences with their intervals, what was tuned, and the time each took."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.quality import contest
from benchmarks.quality.contest import METRICS, NAMES, Found, Row, pooled
from benchmarks.report import markdown
from benchmarks.rivals import MOST_MOVIES
from benchmarks.tuned import METRIC
from recengine.dataset import Snapshot
from recengine.evaluation.bootstrap import Bootstrap, paired_difference

DRAWS = Bootstrap(draws=10_000)
REFERENCE = NAMES[0]


def run(snapshots: dict[str, Snapshot], processes: int) -> tuple[str, dict[str, Any]]:
    """The tables in Markdown and their figures."""
    found = contest.measured(snapshots, processes)
    columns = columns_of(found)
    single = [name for name in columns if "MovieLens" not in name]
    tables = (
        _note(),
        markdown(("nDCG@10", *columns, f"mean of the {len(single)}"), _values(found, columns, single)),
        f"{REFERENCE} minus each, per user, with its 95 % interval; **bold** where it leaves out zero:",
        markdown(("the difference to", *columns), _differences(found, columns)),
        "Random splits once more, by all four metrics, mean ± sd over the seeds (MAP and recall divide by the user's "
        "held-out movies). Published on one such split of ml-100k: BiVAE nDCG 0.475, P 0.412, R 0.219, MAP 0.146.",
        *(_by_seed(found, dataset) for dataset in snapshots),
        "Seconds on one thread to tune and to fit, mean over the splits of a data set and protocol:",
        markdown(("tune + fit, s", *single), _seconds(found, {name: columns[name] for name in single})),
        "Fits on an inner split that the tuning of one split took, at most, and what it chose in time order:",
        markdown(("tuned", "fits", "settings"), _settings(found)),
    )
    return "\n\n".join(tables), _figures(found, columns)


def columns_of(found: Found) -> dict[str, list[Row]]:
    """The splits that each column is about: a data set and a protocol; and MovieLens in time as a whole."""
    rows = list(dict.fromkeys(row for _, row in found))
    rows.sort(key=lambda row: (row.protocol, row.dataset, row.number))
    columns: dict[str, list[Row]] = {}
    for row in rows:
        columns.setdefault(f"{row.dataset}, {row.protocol}", []).append(row)
    movielens = [row for row in rows if row.protocol == "time" and row.dataset.startswith("ml-")]
    return columns | {"both MovieLens, time": movielens}


def _note() -> str:
    upper = ", ".join(f"{upper:.0%}" for upper in contest.UPPER)
    share, last = f"{contest.SHARE:.0%}", contest.SEEDS[-1]
    return (
        "nDCG@10 over the full catalogue, every held-out rating relevant. Random: 25 % of each user's ratings "
        f"held out, seeds 0-{last}. Time: the newest {share} of the ratings up to {upper} of all, users with "
        "training ratings only. A user of several splits counts once, with her mean; ± standard error over "
        "users. `hybrid` runs with recency off under random splits, whose held-out ratings are no newer than "
        "the others, and auto in time; the other way round in a row of its own. Rivals are tuned for each "
        "split inside its training part, by the split's own protocol: one random split of all users, or three "
        "cuts in time; every setting of their grid on each of them. EASE has genres and attributes as inputs "
        f"and at most the {MOST_MOVIES:,} most rated movies."
    )


def _values(found: Found, columns: dict[str, list[Row]], single: list[str]) -> list[list[str]]:
    rows = []
    for name in NAMES:
        values = {column: pooled(found, name, of) for column, of in columns.items()}
        cells = [f"{v.mean():.4f} ± {v.std(ddof=1) / len(v) ** 0.5:.4f}" for v in values.values()]
        rows.append([name, *cells, f"{np.mean([values[column].mean() for column in single]):.4f}"])
    return [["users", *(f"{len(pooled(found, NAMES[0], of)):,}" for of in columns.values()), ""], *rows]


def _differences(found: Found, columns: dict[str, list[Row]]) -> list[list[str]]:
    def cell(name: str, of: list[Row]) -> str:
        gap = paired_difference(pooled(found, REFERENCE, of), pooled(found, name, of), DRAWS)
        text = f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
        return f"**{text}**" if gap.low > 0 or gap.high < 0 else text

    return [[name, *(cell(name, of) for of in columns.values())] for name in NAMES if name != REFERENCE]


def _by_seed(found: Found, dataset: str) -> str:
    rows = sorted({row for _, row in found if row.dataset == dataset and row.protocol == "random"})
    cells = []
    for name in NAMES:
        values = [[found[name, row].per_user[metric].mean() for row in rows] for metric in METRICS]
        cells.append([name, *(_spread(of_metric) for of_metric in values)])
    return markdown((f"{dataset}, random", *METRICS), cells)


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.4f}" + (f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else "")


def _seconds(found: Found, columns: dict[str, list[Row]]) -> list[list[str]]:
    def mean(name: str, of: list[Row], what: Callable[[Any], float]) -> float:
        return float(np.mean([what(found[name, row]) for row in of]))

    return [
        [
            name,
            *(
                f"{mean(name, of, lambda one: one.tuned.seconds):.1f} + {mean(name, of, lambda one: one.fit):.1f}"
                for of in columns.values()
            ),
        ]
        for name in NAMES
    ]


def _settings(found: Found) -> list[list[str]]:
    rows = []
    for name in NAMES:
        own = {row: outcome.tuned for (of, row), outcome in found.items() if of == name}
        if trials := max(one.trials for one in own.values()):
            chosen = [f"{row.dataset} {row.protocol} {row.number}: {own[row].said}" for row in sorted(own)]
            rows.append([name, str(trials), "; ".join(chosen)])
    return rows


def _figures(found: Found, columns: dict[str, list[Row]]) -> dict[str, Any]:
    return {
        name: {
            column: {
                "mean": float(pooled(found, name, of).mean()),
                "by split": [float(found[name, row].per_user[METRIC].mean()) for row in of],
                "seconds": [[found[name, row].tuned.seconds, found[name, row].fit] for row in of],
                "settings": [found[name, row].tuned.knobs for row in of],
            }
            for column, of in columns.items()
        }
        for name in NAMES
    }
