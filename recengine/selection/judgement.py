"""A candidate's judgement: its figures on what was held out, and where its per-user figures lie."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.evaluation import evaluate as evaluation
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.pricing import Listing, Price
from recengine.evaluation.slices import Slices
from recengine.models import make, store
from recengine.models.base import Model, OnProgress, silent
from recengine.models.recipes import Recipe
from recengine.models.registry import path_of
from recengine.models.store import Measurement
from recengine.runtime.durable import new_file

log = logging.getLogger(__name__)


class Judgement(BaseModel):
    """A recipe's figures on the newest ratings; the per-user vectors lie in ``file``.

    Where nothing can be held out there are no users and no figures.
    """

    recipe: Recipe
    description: str
    metrics: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    history: list[dict[str, float]] = []
    seconds: float = 0.0
    ratings: int
    file: Path
    judged_on: str = ""
    measured: Measurement | None = None
    prices: list[Price] = []


@dataclass(frozen=True)
class Measure:
    """What counts, how sure it is, and which other lists are priced beside.

    Attributes
    ----------
    metric : str
        The one that the gate compares.
    bootstrap : Bootstrap
    listings : mapping of str to Listing
    """

    metric: str
    bootstrap: Bootstrap
    listings: Mapping[str, Listing] = field(default_factory=dict)


def measure(
    home: Home,
    snapshot: Snapshot,
    recipe: Recipe,
    slices: Slices,
    by: Measure,
    *,
    device: str = "cpu",
    on_progress: OnProgress = silent,
) -> Judgement:
    """Fit a recipe's lighter model on each slice's training part and measure it on what was held out."""
    began = time.perf_counter()
    model = make(recipe.model, **recipe.config).lighter()
    judged = Judgement(
        recipe=recipe,
        description=slices.description,
        ratings=snapshot.ratings.nnz,
        file=_file_of(home, model, snapshot, slices),
        judged_on=slices.said,
    )
    if not slices.splits:
        log.info("train: %s can be judged on %s", recipe.model, slices.said)
        _keep(judged.file, users=np.empty(0, dtype=np.int64))
        return judged
    result = evaluation.evaluate(
        lambda: make(recipe.model, **recipe.config).lighter(),
        slices.splits,
        ks=sorted({10, int(by.metric.rpartition("@")[2])}),
        bootstrap=by.bootstrap,
        listings=by.listings,
        device=device,
        on_progress=on_progress,
    )
    _keep(judged.file, users=result.users, **result.per_user)
    judged.metrics, judged.intervals, judged.history = result.metrics, result.intervals, result.history
    judged.prices = result.prices
    judged.measured = _measurement(model, snapshot, slices, len(result.users))
    judged.seconds = time.perf_counter() - began
    _log_line(judged, by.metric, len(result.users))
    return judged


def _measurement(model: Model, snapshot: Snapshot, slices: Slices, users: int) -> Measurement:
    """When, on what and of which model the figures are."""
    return Measurement(
        at=store.now(),
        on=slices.said,
        users=users,
        ratings=snapshot.ratings.nnz,
        snapshot=snapshot.fingerprint,
        recipe=Recipe(model=path_of(type(model)), config=model.config.model_dump(mode="json")),
    )


def _file_of(home: Home, model: Model, snapshot: Snapshot, slices: Slices) -> Path:
    """Where the per-user figures of a model on some slices lie: one place for one recipe, data and code."""
    parts = " ".join(split.train.fingerprint for split in slices.splits)
    name = f"{store.id_of(model, snapshot)}-{hashlib.sha256(parts.encode()).hexdigest()[:8]}"
    return home.models / "judgements" / f"{name}.npz"


def _log_line(judged: Judgement, metric: str, users: int) -> None:
    log.info(
        "train: judged %s, %s %.4f on %s users in %.2f s",
        judged.recipe.model,
        metric,
        judged.metrics[metric],
        f"{users:,}",
        judged.seconds,
    )


def _keep(file: Path, **vectors: NDArray[np.int64] | NDArray[np.float64]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with new_file(file) as partial, partial.open("wb") as content:
        np.savez(content, **vectors)  # type: ignore[arg-type]


def evaluation_of(judgement: Judgement) -> evaluation.Evaluation:
    """A judgement as the gate compares it.

    Raises
    ------
    BadInput
        Its file is gone.
    """
    if not judgement.file.exists():
        raise BadInput(f"{judgement.file} is gone; run the training again from its start.")
    with np.load(judgement.file) as stored:
        vectors = {name: stored[name] for name in stored.files}
    return evaluation.Evaluation(
        model=judgement.recipe.model,
        protocol="temporal",
        description=judgement.description,
        metrics=judgement.metrics,
        intervals=judgement.intervals,
        users=vectors.pop("users"),
        per_user=vectors,
        counts={},
        seconds={},
        confidence=0.95,
    )
