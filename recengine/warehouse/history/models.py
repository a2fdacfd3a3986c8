"""The models that were trained and kept (``ops.models``), where SQL finds them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import duckdb


class TrainedModel(NamedTuple):
    """One row of ``ops.models``; ``config`` and ``metrics`` are stored as JSON."""

    model_id: str
    model: str
    dataset: str
    snapshot: str
    input_fingerprint: str | None
    config: dict[str, Any]
    metrics: dict[str, Any]
    trained_at: datetime
    seconds: float


def add(con: duckdb.DuckDBPyConnection, trained: TrainedModel) -> None:
    """Note a stored model, in place of what was noted under its id."""
    remove(con, [trained.model_id])
    row = trained._asdict() | {"config": json.dumps(trained.config), "metrics": json.dumps(trained.metrics)}
    con.execute("INSERT INTO ops.models VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", list(row.values()))


def remove(con: duckdb.DuckDBPyConnection, model_ids: Sequence[str]) -> None:
    """Take models out of the history."""
    con.execute("DELETE FROM ops.models WHERE list_contains(?::VARCHAR[], model_id)", [list(model_ids)])
