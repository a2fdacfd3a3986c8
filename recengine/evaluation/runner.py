"""Evaluate a model on a dataset by any protocol, apart from the night: nothing stored is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
from pydantic import Field

from recengine import features
from recengine import ingest as ingest_stage
from recengine.config import Home, StageConfig
from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.evaluation import evaluate as evaluation
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.splits import Split, from_mask, leave_one_out, random_per_user, temporal
from recengine.knobs.stages import Device, IngestConfig, Recency
from recengine.models import DEFAULT, ModelName, make
from recengine.models.base import OnProgress, silent
from recengine.models.recipes import Recipe, checked_knobs, recipe_for
from recengine.movielens.layouts import Source, with_ratings
from recengine.movielens.locating import locate
from recengine.runtime.devices import resolved
from recengine.runtime.near import choose
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import memory
from recengine.warehouse.migrations import migrate


class EvaluateConfig(StageConfig):
    """What is evaluated, on what, and how."""

    dataset: str = "demo"
    source: Path | None = None
    protocol: Literal["temporal", "random", "leave-one-out", "files"] = "temporal"
    train: Path | None = None
    test: Path | None = None
    model: ModelName = DEFAULT
    recency: Recency = "auto"
    knobs: dict[str, Any] = Field({})
    device: Device = "cpu"
    share: float | None = Field(None, gt=0, lt=1)
    ks: tuple[int, ...] = (5, 10, 20)
    seed: int = 0
    draws: int = 1000
    scale: str = ""


def evaluate(
    home: Home,
    config: EvaluateConfig,
    on_progress: OnProgress = silent,
    tuned: Callable[[Snapshot, Recipe], Recipe] | None = None,
) -> evaluation.Evaluation:
    """Read the dataset into memory, hold ratings out, fit on the rest, and measure.

    ``tuned`` finds a recipe in place of the one asked for, on the training part alone.

    Raises
    ------
    BadInput
        The protocol and the options do not fit, or nothing can be held out.
    """
    knobs = checked_knobs(config.model, config.knobs, "train.knobs")
    recipe = recipe_for(config.model, recency=config.recency, seed=config.seed, **knobs)
    split = read_split(home, config)
    if tuned:
        recipe = tuned(split.train, recipe)
    model = make(recipe.model, **recipe.config)
    return evaluation.evaluate(
        model.fit(split.train, device=resolved(config.device), on_progress=on_progress),
        split,
        ks=config.ks,
        bootstrap=Bootstrap(draws=config.draws, seed=config.seed),
        on_progress=on_progress,
    )


def read_snapshot(home: Home, config: EvaluateConfig) -> Snapshot:
    """Read the dataset into memory as a snapshot of all its ratings."""
    with memory() as con:
        return _snapshot(con, locate(home, config.dataset, config.source), config)


def read_split(home: Home, config: EvaluateConfig) -> Split:
    """Read the dataset into memory and hold out what the protocol says."""
    with memory() as con:
        return _split(con, locate(home, config.dataset, config.source), config)


def _split(con: duckdb.DuckDBPyConnection, source: Source, config: EvaluateConfig) -> Split:
    if config.protocol == "files":
        return _files_split(con, source, config)
    if config.train or config.test:
        raise BadInput("--train and --test belong to --protocol files; leave them out or choose it.")
    return hold_out(_snapshot(con, source, config), config.protocol, config.share, config.seed)


def hold_out(snapshot: Snapshot, protocol: str, share: float | None = None, seed: int = 0) -> Split:
    """Hold ratings out by a protocol's name, ``temporal``, ``random`` or ``leave-one-out``.

    Raises
    ------
    BadInput
        There is no such protocol, or nothing can be held out.
    """
    if protocol == "temporal":
        return temporal(snapshot, share or 0.2, seed=seed)
    if protocol == "random":
        return random_per_user(snapshot, share or 0.25, seed)
    if protocol == "leave-one-out":
        return leave_one_out(snapshot, seed)
    held = ("temporal", "random", "leave-one-out")
    raise BadInput(f"There is no protocol {protocol!r}; {choose(protocol, held)}")


def _files_split(con: duckdb.DuckDBPyConnection, source: Source, config: EvaluateConfig) -> Split:
    if config.train is None or config.test is None:
        raise BadInput("--protocol files needs both --train FILE and --test FILE, in the layout of --source.")
    train, test = (_in_or_beside(source, path) for path in (config.train, config.test))
    snapshot = _snapshot(con, with_ratings(source, train, test), config)
    marked = sqlfiles.run(con, "features/from_file", {"name": str(test.absolute())}).fetchnumpy()
    position = marked["user_index"].astype(np.int64) * snapshot.movies + marked["movie_index"]
    entries = snapshot.rating_users * snapshot.movies + snapshot.ratings.indices
    return from_mask(snapshot, np.isin(entries, position), source=test.name)


def _snapshot(con: duckdb.DuckDBPyConnection, source: Source, config: EvaluateConfig) -> Snapshot:
    migrate(con, Path("memory"))
    ingest_stage.ingest(con, source, IngestConfig(scale=config.scale))
    return features.snapshot(con)


def _in_or_beside(source: Source, path: Path) -> Path:
    """The file as given, or of that name in the source folder: ``--train u1.base`` is enough."""
    return path if path.is_file() or not (source.folder / path).is_file() else source.folder / path
