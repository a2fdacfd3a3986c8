"""What the core tables hold: one row of ``ops.dataset`` and one of ``ops.scale``."""

from __future__ import annotations

import duckdb

Ends = tuple[float | None, float | None, float | None]
"""Lowest and highest rating and the step between ratings; all None where the data has no ratings."""


def input_of(con: duckdb.DuckDBPyConnection) -> str | None:
    """The input fingerprint of what the core tables hold, None before the first load."""
    rows = con.execute("SELECT input_fingerprint FROM ops.dataset").fetchall()
    return rows[0][0] if rows else None


def replace_dataset(
    con: duckdb.DuckDBPyConnection, dataset: str, layout: str, ends: Ends, input_fingerprint: str
) -> None:
    """Note which dataset the core tables hold from now on, in which layout and on which scale."""
    con.execute("DELETE FROM ops.dataset")
    con.execute(
        "INSERT INTO ops.dataset VALUES (?, ?, ?, ?, ?, ?, now() AT TIME ZONE 'UTC')",
        [dataset, layout, *ends, input_fingerprint],
    )


def leave_out_history(con: duckdb.DuckDBPyConnection) -> None:
    """Drop what later days tell: of the models, tunings and publications, and what came of the lists."""
    for table in ("publications", "models", "tunings", "trials", "outcomes", "outcome_days", "inputs"):
        con.execute(f"DELETE FROM ops.{table}")


def mark_changed(con: duckdb.DuckDBPyConnection, how: str = "") -> None:
    """Give the data another fingerprint, also than any a load of the same files would give."""
    con.execute("UPDATE ops.dataset SET input_fingerprint = left(sha256(input_fingerprint || ?), 16)", [how])


def replace_scale(
    con: duckdb.DuckDBPyConnection, scale: str, declared: bool, liked_from: float | None, evidence: str
) -> None:
    """Note the scale of the ratings, as text, whether the source declares it, and what it was found by."""
    con.execute("DELETE FROM ops.scale")
    con.execute("INSERT INTO ops.scale VALUES (?, ?, ?, ?)", [scale, declared, liked_from, evidence])
