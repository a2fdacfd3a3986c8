"""Where the rows in ``scores.*`` come from: ``scores.origin``, one row, and each user's variant."""

from __future__ import annotations

import json
from datetime import datetime

import duckdb

from recengine.dataset import Snapshot
from recengine.evaluation.pricing import told
from recengine.knobs.stages import ScoreConfig
from recengine.models.store import Manifest
from recengine.variety import side_by_side
from recengine.variety.variants import in_force, kinds_of
from recengine.warehouse.history import contents


def replace(
    con: duckdb.DuckDBPyConnection,
    made_by: Manifest,
    snapshot: Snapshot,
    config: ScoreConfig,
    generated_at: datetime,
    reasons: str,
) -> None:
    """Say which model made the rows, from what, when and how, inside the caller's transaction.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse.
    made_by : Manifest
        The model's.
    snapshot, config
        Whose users, and what lists were asked for.
    generated_at : datetime
        UTC without a zone.
    reasons : str
        What readers are told of them.
    """
    row = {
        "model_id": made_by.model_id,
        "model": made_by.model,
        "dataset": snapshot.dataset,
        "snapshot": snapshot.fingerprint,
        "input_fingerprint": contents.input_of(con),
        "top_n": config.top_n,
        "genre_n": config.genre_n,
        "generated_at": generated_at,
        "switches": json.dumps(told(made_by.prices, [kind.switches for kind in kinds_of(config)])),
        "reasons": reasons,
        "variants": [variant.name for variant in in_force(config, made_by.model)],
    }
    con.execute("DELETE FROM scores.origin")
    con.execute(
        f"INSERT INTO scores.origin ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
        list(row.values()),
    )
    side_by_side.keep(con, snapshot, config, made_by.model)


def is_of(con: duckdb.DuckDBPyConnection, model_id: str, snapshot: str, generated_at: datetime) -> bool:
    """Whether ``scores.*`` holds what this model made of this snapshot at this time (UTC without a zone)."""
    origin = con.execute("SELECT model_id, snapshot, generated_at FROM scores.origin").fetchall()
    return origin == [(model_id, snapshot, generated_at)]
