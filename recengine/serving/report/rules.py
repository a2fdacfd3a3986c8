"""The rules that lists keep: what each names, whose lists it changes and what that costs, as rows of the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

RULE_HEADER = ("rule", "what it is", "names", "nothing known", "changes lists of", "nDCG@10")


def rules_in(con: duckdb.DuckDBPyConnection, database: str = "published") -> list[dict[str, Any]]:
    """The rows of a published file's table ``rules``, by name; none of a file that has no such table.

    Parameters
    ----------
    con : DuckDBPyConnection
    database : str
        What it calls the file.
    """
    return rows_in(con, "rules", database)


def rows_in(con: duckdb.DuckDBPyConnection, table: str, database: str = "published") -> list[dict[str, Any]]:
    """The rows of a published file's table, by all columns; none where it has no such table."""
    asked = [database, table]
    if not con.execute(
        "SELECT 1 FROM duckdb_tables() WHERE database_name = ? AND table_name = ?", asked
    ).fetchall():
        return []
    found = con.execute(f'SELECT * FROM "{database}".{table} ORDER BY ALL')
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def rule_rows(rules: Sequence[Mapping[str, Any]], publication: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each rule, and of several one for all of them together.

    Parameters
    ----------
    rules : sequence of mapping
        From ``rules_in``.
    publication : mapping
        The published file's row about itself.
    """
    users = publication["users"]
    rows: list[tuple[str, ...]] = [
        (
            rule["name"],
            rule["about"],
            f"{rule['rows_named']:,}",
            f"{rule['rows_unknown']:,}",
            f"{rule['lists_changed']:,} of {users:,} users",
            _cost(rule.get("ndcg_without"), [rule.get(f"ndcg_change{end}") for end in ("", "_low", "_high")]),
        )
        for rule in rules
    ]
    told = publication.get("rules_price")
    if told and len(rules) > 1:
        price = json.loads(told) if isinstance(told, str) else told
        without = next((value for name, value in price["without"].items() if name.startswith("ndcg@")), None)
        rows.append(("all rules", "together", "", "", "", _cost(without, price["ndcg_change"])))
    return rows


def _cost(without: float | None, change: Sequence[float | None]) -> str:
    mean, low, high = change
    if mean is None or without is None:
        return "not measured"
    share = f" ({mean / without:+.1%})" if without else ""
    return f"{mean:+.4f}{share} [{low:+.4f}, {high:+.4f}]"
