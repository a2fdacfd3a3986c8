"""Score: a model and a snapshot -> every user's exact top N and every movie's neighbours, in the warehouse.

What is made of users comes as streams (``scoring.tables``), from this process or from wherever shards were made.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime
from pathlib import Path

import duckdb
from pydantic import BaseModel

from recengine import features, origin
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.errors import NotReady
from recengine.knobs.stages import ScoreConfig
from recengine.models import store
from recengine.models.base import Model, OnProgress, silent
from recengine.models.explaining import REASONS
from recengine.rules.inforce import changed_by, compiled, keep
from recengine.runtime.devices import resolved
from recengine.scoring.neighbours import SIMILAR_MOVIES as SIMILAR_MOVIES
from recengine.scoring.neighbours import similar_movies as similar_movies
from recengine.scoring.tables import RECOMMENDATIONS as RECOMMENDATIONS
from recengine.scoring.tables import Elsewhere, here_of
from recengine.scoring.tables import recommend as recommend
from recengine.variety.by_genre import BY_GENRE
from recengine.variety.side_by_side import lister_of
from recengine.warehouse.streaming import replace_rows
from recengine.warehouse.transaction import transaction

log = logging.getLogger(__name__)


class ScoreReport(BaseModel):
    """What the score stage wrote."""

    model_id: str
    snapshot: str
    users: int
    recommendations: int
    similar_movies: int
    reasons: int = 0
    generated_at: datetime
    megabytes: float
    lists_seconds: float
    reasons_seconds: float = 0.0
    seconds: float


def score(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    snapshot_folder: Path,
    model_id: str,
    config: ScoreConfig,
    on_progress: OnProgress = silent,
    elsewhere: Elsewhere | None = None,
) -> ScoreReport:
    """Score every user and movie and replace ``scores.*`` in the warehouse, in one transaction.

    Parameters
    ----------
    con, home, snapshot_folder, model_id, config
        The warehouse, and what is scored how.
    on_progress : callable
        Told how far it is.
    elsewhere : callable, optional
        Makes the source of users' tables, where that is not this process.

    Raises
    ------
    NotReady
        The warehouse holds other data than the snapshot, or the model was trained on another one.
    NotFinite
        The model gave a score that is not finite; the scored tables stay as they were.
    """
    began = time.perf_counter()
    snapshot, model = _loaded(con, home, snapshot_folder, model_id, config.device)
    rules = compiled(con, home, snapshot, config)
    made = elsewhere or here_of(model, snapshot, rules.compiled if rules else None, on_progress)
    source = made(home, snapshot_folder, model_id, config, rules.ran if rules else ())
    similar, generated_at = source.similar_movies(), store.now()
    with transaction(con):
        lists_began = time.perf_counter()
        recommendations = replace_rows(con, "scores.recommendations", RECOMMENDATIONS, source.lists())
        lists_seconds = time.perf_counter() - lists_began
        reasons = replace_rows(con, "scores.reasons", REASONS, source.reasons())
        replace_rows(con, "scores.recommendations_by_genre", BY_GENRE, source.by_genre())
        neighbours = replace_rows(con, "scores.similar_movies", similar.schema, iter(similar.to_batches()))
        made_by = store.manifest_of(home, model_id)
        keep(con, rules, changed_by(rules, lister_of(model, snapshot, config), config.top_n), made_by.prices)
        origin.replace(con, made_by, snapshot, config, generated_at, source.said)
    report = ScoreReport(
        model_id=model_id,
        snapshot=snapshot.fingerprint,
        users=snapshot.users,
        recommendations=recommendations,
        similar_movies=neighbours,
        reasons=reasons,
        generated_at=generated_at,
        megabytes=recommendations * 28 / 1e6,
        lists_seconds=lists_seconds,
        reasons_seconds=source.seconds,
        seconds=time.perf_counter() - began,
    )
    source.put_away()
    return _logged(report)


def is_scored(con: duckdb.DuckDBPyConnection, report: ScoreReport) -> bool:
    """Whether ``scores.*`` still holds what ``score`` reported."""
    return origin.is_of(con, report.model_id, report.snapshot, report.generated_at)


def _loaded(
    con: duckdb.DuckDBPyConnection, home: Home, folder: Path, model_id: str, device: str
) -> tuple[Snapshot, Model]:
    """A snapshot and a model, both of the data that the warehouse holds."""
    snapshot, model = Snapshot.load(folder), store.load(home, model_id)
    model.to(resolved(device))
    if features.fingerprint_of(con) != snapshot.fingerprint:
        raise NotReady(
            "Other data was loaded since the features were built", "run features, train and score again"
        )
    if store.manifest_of(home, model_id).snapshot != snapshot.fingerprint:
        raise NotReady(
            f"The model {model_id} was trained on other data than the warehouse holds",
            "run `recengine train`, or score with one that `recengine models` lists for this data",
        )
    return snapshot, model


def _logged(report: ScoreReport) -> ScoreReport:
    rows = f"{report.recommendations:,} rows for {report.users:,} users, {report.megabytes:.1f} MB"
    took = f"lists in {report.lists_seconds:.2f} s, with similar movies in {report.seconds:.2f} s"
    log.info("score: %s, %s, %s", report.model_id, rows, took)
    return report
