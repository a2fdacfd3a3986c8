"""What came of the lists (``ops.outcomes``), and which days of ratings were counted (``ops.outcome_days``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb

from recengine.warehouse import sqlfiles


def count(con: duckdb.DuckDBPyConnection, lists: Path, about: Mapping[str, object]) -> None:
    """Count some days of one version's lists anew.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse.
    lists : Path
        The version's kept lists.
    about : mapping
        The parameters of ``sql/history/count_outcomes.sql``; its ``days`` of its ``version`` are replaced.
    """
    con.execute(
        "DELETE FROM ops.outcomes WHERE dataset = ? AND version = ? AND list_contains(?::DATE[], day)",
        [about["dataset"], about["version"], about["days"]],
    )
    kept = f"read_parquet({sqlfiles.scan_of(lists)})"
    sqlfiles.run(con, "history/count_outcomes", dict(about), lists=kept)


def note_days(con: duckdb.DuckDBPyConnection, dataset: str, days: Sequence[tuple[date, int, object]]) -> None:
    """Remember what ratings days had when they were counted: the day, how many, and their digest."""
    con.execute(
        "DELETE FROM ops.outcome_days WHERE dataset = ? AND list_contains(?::DATE[], day)",
        [dataset, [day for day, _, _ in days]],
    )
    con.executemany("INSERT INTO ops.outcome_days VALUES (?, ?, ?, ?)", [[dataset, *row] for row in days])
