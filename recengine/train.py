"""Train: the candidates are judged, the best recipe is refitted on everything and stored.

A flow may run the steps as separate tasks: ``candidates.judge`` for each candidate, ``verdict.select``, ``fit``;
``train`` does all of them.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import duckdb
from pydantic import BaseModel

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.engine.base import Engine
from recengine.knobs.stages import ScoreConfig, TrainConfig
from recengine.models import make, store
from recengine.models.base import Model, OnProgress, silent
from recengine.models.spread import OverShards, Spread
from recengine.rules.inforce import check
from recengine.runtime.devices import resolved
from recengine.selection.candidates import candidates, judge
from recengine.selection.judgement import Judgement
from recengine.selection.reuse import standing, warm_start_of
from recengine.selection.sketch import sketch_of
from recengine.selection.verdict import Selection, first_publication, select
from recengine.warehouse.history import contents, models

log = logging.getLogger(__name__)


class TrainReport(BaseModel):
    """What training decided; ``model_id`` is None when the published tables are to stay."""

    model_id: str | None
    selection: Selection
    judgements: dict[str, Judgement]
    seconds: float


def train(
    home: Home,
    snapshot_folder: Path,
    config: TrainConfig,
    *,
    lists: ScoreConfig | None = None,
    force: bool = False,
    on_progress: OnProgress = silent,
    engine: Engine | None = None,
) -> TrainReport:
    """Judge the candidates, select one, refit it on everything.

    Parameters
    ----------
    home : Home
        Whose champion defends, and where the model is stored.
    snapshot_folder : Path
        The feature snapshot.
    config : TrainConfig
        Which recipe challenges, by which rules, and where tensors are computed.
    lists : ScoreConfig, optional
        What its switches and rules cost is measured beside; rules are looked at before anything is fitted.
    force : bool
        Train the challenger even where the gate objects.
    on_progress : callable
        Told how far it is.
    engine : Engine, optional
        What computes the refit's sums over shards of users, where that is not this process.

    Raises
    ------
    BadInput
        A rule cannot be read or run, or they leave a user without any movie.
    """
    began = time.perf_counter()
    judgements: dict[str, Judgement] = {}
    snapshot = Snapshot.load(snapshot_folder)
    check(home, snapshot, lists)
    selection = None if force else standing(home, snapshot, config, lists)
    if selection is None:
        judgements = {
            name: judge(home, snapshot_folder, recipe, config, lists, on_progress=on_progress)
            for name, recipe in candidates(home, snapshot_folder, config).items()
        }
        selection = select(judgements, config, force=force)
        selection = first_publication(home, snapshot_folder, selection)
    model_id = None
    if selection.action == "publish":
        device = resolved(config.device)
        model_id = fit(
            home, snapshot_folder, selection, device=device, on_progress=on_progress, engine=engine
        )
    log.info("train: %s", selection.reason)
    seconds = time.perf_counter() - began
    return TrainReport(model_id=model_id, selection=selection, judgements=judgements, seconds=seconds)


def fit(
    home: Home,
    snapshot_folder: Path,
    selection: Selection,
    *,
    device: str = "cpu",
    on_progress: OnProgress = silent,
    engine: Engine | None = None,
) -> str:
    """Fit the selected recipe on every rating and store it; returns the model id.

    A model of the same data, recipe, code and start is not trained again, unless the selection says so: only what
    was judged is noted. An engine computes the sums over shards of users of models that have such.
    """
    began = time.perf_counter()
    snapshot = Snapshot.load(snapshot_folder)
    model = make(selection.recipe.model, **selection.recipe.config)
    started_from = _start(home, snapshot, model, selection)
    model_id = store.id_of(model, snapshot, started_from)
    config, verdict = model.config.model_dump(mode="json"), _verdict(selection, snapshot)
    stored = (home.models / model_id).exists() and store.manifest_of(home, model_id).config == config
    if stored and not selection.anew:
        log.info("train: %s was there", model_id)
        if selection.metrics:
            store.note(home, model_id, verdict)
        return model_id
    if engine is not None and isinstance(model, OverShards):
        model.spread = Spread(engine, snapshot_folder)
    model.fit(snapshot, device=device, on_progress=on_progress)
    manifest = store.Manifest.of(
        model,
        snapshot,
        started_from,
        seconds=time.perf_counter() - began,
        history=model.history or selection.history,
    ).model_copy(update=verdict)
    folder = store.save(home, model, manifest, snapshot)
    log.info(
        "train: %s on %s ratings, %.1f MB in %.2f s",
        model_id,
        f"{snapshot.ratings.nnz:,}",
        sum(file.stat().st_size for file in folder.iterdir()) / 1e6,
        manifest.seconds,
    )
    return model_id


def remember(con: duckdb.DuckDBPyConnection, home: Home, model_id: str) -> None:
    """Note a stored model in the warehouse's history, where SQL finds it."""
    manifest = store.manifest_of(home, model_id)
    models.add(
        con,
        models.TrainedModel(
            model_id=model_id,
            model=manifest.model,
            dataset=manifest.dataset,
            snapshot=manifest.snapshot,
            input_fingerprint=contents.input_of(con),
            config=manifest.config,
            metrics=manifest.figures,
            trained_at=manifest.trained_at,
            seconds=manifest.seconds,
        ),
    )


def _start(home: Home, snapshot: Snapshot, model: Model, selection: Selection) -> str | None:
    """Let the model start from the one that the selection names, where it can; returns that one's id."""
    if not selection.continues or not (start := warm_start_of(home, snapshot, model, selection.continues)):
        return None
    model.warm_start_from(start)
    log.info("train: starting from %s", selection.continues)
    return selection.continues


def _verdict(selection: Selection, snapshot: Snapshot) -> dict[str, Any]:
    """What a manifest says of how its recipe was judged."""
    return {
        "judged": selection.judged,
        "sketch": selection.sketch or (sketch_of(snapshot) if selection.judged else ""),
        "measured": selection.measured,
        "metrics": dict(selection.metrics),
        "prices": [price.model_dump(mode="json") for price in selection.prices],
    }
