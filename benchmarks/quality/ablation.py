"""What each part of ``hybrid`` is worth, on splits inside training parts: no test rating is looked at.

The lists' parts are judged on every data set by both protocols; what the prior is for, and the stars, on ml-100k.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from benchmarks.parallel import side_by_side
from benchmarks.quality.inside import changes, columns_of, judged
from benchmarks.quality.new_users import KEPT, cut_down
from benchmarks.realdata import canonical_split
from benchmarks.report import markdown
from recengine.dataset import Snapshot
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.metrics import rmse
from recengine.evaluation.splits import Split, from_mask, random_per_user
from recengine.models import make
from recengine.models.parts import gibbs as stars_chain
from recengine.models.parts.bayesian_mf import BayesianMF, BayesianMFConfig

SEEDS = range(5)
SWEEPS = BayesianMFConfig().sweeps  # with a quarter of them every part gains less
LEAST_GAIN = 0.005  # a part that gains less goes
ALL = "all parts"

LISTS: dict[str, dict[str, Any]] = {
    ALL: {},
    "without the low-rank part": {"ranking": {"low_rank_weight": 0}},
    "without sessions": {"ranking": {"session_share": 0}},
    "without genres and years": {"ranking": {"genre_weight": 0}},
    "without the attributes' prior": {"ranking": {"prior": {"strength": 0}}},
    "without the recency boost": {"recency": "off"},
}
PRIOR: dict[str, dict[str, Any]] = {
    ALL: {},
    "without the attributes' prior": {"prior": {"strength": 0}},
    "a prior without attributes": {"prior": {"ridge": 1e9}},
}


class Without(NamedTuple):
    """What a variant of the stars does not have."""

    sets: bool = False
    noise: bool = False


STARS = {
    ALL: Without(),
    "without the set of movies rated": Without(sets=True),
    "with one noise precision for all rows": Without(noise=True),
}


def run(snapshots: dict[str, Snapshot], processes: int) -> tuple[str, dict[str, Any]]:
    """The three tables in Markdown and their figures, by variant."""
    ml100k = snapshots["ml-100k"]
    outer = [random_per_user(ml100k, seed=seed).train for seed in SEEDS]
    base = canonical_split(1).train
    errors = table_of(STARS, lambda variant, seed: (base, variant, seed), starred, processes)
    lists, rows = of_lists(snapshots, processes)
    few = {
        kept: table_of(
            PRIOR, lambda variant, seed, kept=kept: (outer[seed], variant, seed, kept), new, processes
        )
        for kept in KEPT
    }
    rare = [[kept, *row] for kept, values in few.items() for row in worth(values)]
    note = (
        "Validation only: every split is inside a training part, and no test rating is read. A part whose loss costs "
        f"less than {LEAST_GAIN:.1%} does not earn its place."
    )
    parts = (
        note,
        "Lists: nDCG@10 with all parts, and what changes without one, ± its standard error over users; one random "
        "split (recency off), or three cuts in time (recency auto), inside each training part. What an outer split "
        "holds out counts as not rated, so that the values are lower than on its test part.",
        markdown(("hybrid", *columns_of(snapshots), "mean", "earns its place"), rows),
        "What the prior is for: nDCG@10 of 100 users of ml-100k's random training parts cut down to a few ratings, "
        "seeds 0-4; change: mean ± sd over the seeds of the relative difference to all parts on the same split.",
        markdown(("ratings left", "hybrid, recency off", "nDCG@10", "change", "earns its place"), rare),
        f"Stars: RMSE on a random fifth of u1.base, {SWEEPS} sweeps, seeds 0-4.",
        markdown(("stars", "RMSE", "change", "earns its place"), worth(errors, lower_is_better=True)),
    )
    return "\n\n".join(parts), {"lists": lists, "few ratings": few, "stars": errors}


def of_lists(snapshots: dict[str, Snapshot], processes: int) -> tuple[dict[str, Any], list[list[str]]]:
    """The changes by column and variant, and the table's rows."""
    values = {
        column: found
        for (_, column), found in judged(
            {"parts": list(LISTS.values())}, columns_of(snapshots), processes
        ).items()
    }
    columns = list(columns_of(snapshots))
    found = {column: changes(values[column]) for column in columns}
    rows = [[ALL, *(f"{values[column][0].mean():.4f}" for column in columns), "", ""]]
    for at, name in list(enumerate(LISTS))[1:]:
        own = [found[column][at] for column in columns]
        mean = float(np.mean([change.mean for change in own]))
        cells = (f"{change.mean:+.2%} ± {change.error:.2%}" for change in own)
        rows.append([name, *cells, f"{mean:+.2%}", "yes" if -mean >= LEAST_GAIN else "no"])
    figures = {column: {name: own[at].mean for at, name in enumerate(LISTS)} for column, own in found.items()}
    return figures, rows


def table_of(variants: dict[str, Any], job: Any, work: Any, processes: int) -> dict[str, list[float]]:
    """Values of every variant over the seeds."""
    jobs = [job(variant, seed) for variant in variants.values() for seed in SEEDS]
    values = np.reshape(side_by_side(work, jobs, processes), (len(variants), -1))
    found = dict(zip(variants, values.tolist(), strict=True))
    print(found, flush=True)
    return found


def worth(values: dict[str, list[float]], lower_is_better: bool = False) -> list[list[str]]:
    """Rows of a table: variant, mean, paired change, and whether the part it lacks earns its place."""
    full, rows = np.array(values[ALL]), []
    for name, found in values.items():
        change = np.array(found) / full - 1
        gain = change.mean() if lower_is_better else -change.mean()
        verdict = "" if name == ALL else "yes" if gain >= LEAST_GAIN else "no"
        spread = "" if name == ALL else f"{change.mean():+.2%} ± {change.std(ddof=1):.2%}"
        rows.append([name, f"{np.mean(found):.4f}", spread, verdict])
    return rows


def new(train: Snapshot, knobs: dict[str, Any], seed: int, kept: int) -> float:
    """nDCG@10 of a variant of the ranking for users of a training part cut down to few ratings."""
    return ndcg(cut_down(train, kept, 100 + seed), knobs, seed)


def ndcg(split: Split, knobs: dict[str, Any], seed: int) -> float:
    """nDCG@10 of a variant of the ranking."""
    model = make("hybrid", seed=seed, recency="off", ranking=knobs, stars={"sweeps": 1})
    return evaluate(model.fit(split.train), split, ks=(10,)).metrics["ndcg@10"]


def starred(base: Snapshot, without: Without, seed: int) -> float:
    """RMSE of a variant of the stars on a random fifth of a training part."""
    judge = np.random.default_rng(100 + seed).random(base.ratings.nnz) < 0.2
    split = from_mask(base, judge, source="a random fifth", min_train=0)
    sets = {"implicit_rank": 0} if without.sets else {}
    # The product has no such switch: a prior this narrow leaves every row's noise precision at 1.
    one_noise = patch.object(stars_chain, "NOISE_SHAPE", 1e8) if without.noise else nullcontext()
    with one_noise:
        model = BayesianMF(BayesianMFConfig(sweeps=SWEEPS, seed=seed, **sets)).fit(split.train)
    return rmse(split.test.rating, model.predict(split.train, split.test.user_index, split.test.movie_index))
