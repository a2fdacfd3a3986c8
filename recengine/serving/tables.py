"""The tables and views of a published file: written, explained by their comments, and audited.

Each is a file in ``recengine/sql/publish``: what its columns are and may hold, a comment on it and on each of them,
and the query that fills it. A view's columns that only show a table's need no comment of their own. What nobody has
explained the audit ``everything_is_explained`` finds.
"""

from __future__ import annotations

import json
from typing import Any

import duckdb
import torch

from recengine.config import VERSION
from recengine.knobs.stages import PublishConfig
from recengine.warehouse import audits, sqlfiles
from recengine.warehouse.transaction import transaction

# Of what readers may rely on: it grows when a table or a column goes, or changes its type or its meaning.
CONTRACT = 2

# In the order they are written: each reads rows of those before it, at most.
TABLES = (
    *("movies", "users", "ratings", "recommendations", "recommendations_by_genre", "changes", "reasons"),
    *(
        "similar_movies",
        "popular_movies",
        "outcomes",
        "outcomes_by_variant",
        "rules",
        "publications",
        "publication",
    ),
)

# Each view with the tables that it shows: the first that has a column explains it.
VIEWS = {
    f"{table}_detailed": (table, "movies")
    for table in TABLES
    if table not in ("movies", "users", "rules", "publications", "publication")
    and not table.startswith("outcomes")
} | {"reasons_detailed": ("reasons", "recommendations", "movies")}

EARLIER = "earlier"  # what the version before is attached as


def write_tables(
    con: duckdb.DuckDBPyConnection,
    version: str,
    metrics: dict[str, Any],
    config: PublishConfig | None = None,
    *,
    reason: str = "",
    before: str | None = None,
) -> None:
    """Write all that readers see into the attached, empty ``published``, in one transaction.

    Parameters
    ----------
    con : DuckDBPyConnection
        A warehouse with scored tables.
    version, metrics, reason
        What the file says of itself.
    config : PublishConfig, optional
        Which rows.
    before : str, optional
        The version that is attached as ``EARLIER``, which the lists are compared with.
    """
    about = {"version": version, "metrics": json.dumps(metrics)}
    # Without a version before nobody's list has changed: the new ones stand beside themselves.
    fragments = {"changes": {"before": f"{EARLIER if before else 'published'}.recommendations"}}
    with transaction(con):
        for table in TABLES:
            parameters = _parameters(table, config or PublishConfig(), about, reason, before)
            sqlfiles.run(con, f"publish/{table}", parameters, **fragments.get(table, {}))
        for view, shown in VIEWS.items():
            sqlfiles.run(con, f"publish/{view}")
            _explain(con, view, shown)


def _parameters(
    table: str, config: PublishConfig, about: dict[str, str], reason: str, before: str | None
) -> dict[str, object] | None:
    """What the query of a table is told."""
    if table == "popular_movies":
        return {"rows": config.popular_rows, "prior_users": config.popular_prior_users}
    if table == "ratings":
        return {"wanted": config.ratings}
    if table == "publications":
        return {**about, "reason": reason}
    if table == "publication":
        ours = {"torch_version": torch.__version__, "recengine_version": VERSION, "contract": CONTRACT}
        return {**about, **ours, "previous_version": before}
    return None


def _explain(con: duckdb.DuckDBPyConnection, view: str, shown: tuple[str, ...]) -> None:
    """Let a view's columns that only show a table's say what those say."""
    about: dict[str, object] = {"view": view, "tables": list(shown)}
    for column, comment in sqlfiles.run(con, "publish/uncommented", about).fetchall():
        con.execute(f"COMMENT ON COLUMN published.{view}.{column} IS {sqlfiles.literal(comment)}")


def audit(con: duckdb.DuckDBPyConnection) -> None:
    """Run every audit on the attached ``published`` file.

    Raises
    ------
    AuditFailed
        With one example per audit that returned a row.
    """
    audits.audit(con, sqlfiles.names("audits"))
