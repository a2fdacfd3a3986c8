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
from recengine.errors import AuditFailed
from recengine.knobs.stages import PublishConfig
from recengine.warehouse import sqlfiles
from recengine.warehouse.transaction import transaction

# Of what readers may rely on: it grows when a table or a column goes, or changes its type or its meaning.
CONTRACT = 2

# In the order they are written: the last counts rows of those before it.
TABLES = ("movies", "users", "recommendations", "similar_movies", "popular_movies", "publication")

# Each view with the tables that it shows, the first that has a column explains it.
VIEWS = {"recommendations_detailed": ("recommendations", "movies")}


def write_tables(
    con: duckdb.DuckDBPyConnection, version: str, metrics: dict[str, Any], config: PublishConfig | None = None
) -> None:
    """Write all that readers see into the attached, empty ``published``, in one transaction."""
    config = config or PublishConfig()
    parameters: dict[str, dict[str, object]] = {
        "popular_movies": {"rows": config.popular_rows, "prior_users": config.popular_prior_users},
        "publication": {
            "version": version,
            "metrics": json.dumps(metrics),
            "torch_version": torch.__version__,
            "recengine_version": VERSION,
            "contract": CONTRACT,
        },
    }
    with transaction(con):
        for table in TABLES:
            sqlfiles.run(con, f"publish/{table}", parameters.get(table))
        for view, shown in VIEWS.items():
            sqlfiles.run(con, f"publish/{view}")
            _explain(con, view, shown)


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
    failures = {}
    for name in sqlfiles.names("audits"):
        rows = con.execute(f"SELECT problem FROM ({sqlfiles.load(f'audits/{name}')}) LIMIT 1").fetchall()
        if rows:
            failures[name] = str(rows[0][0])
    if failures:
        raise AuditFailed(failures)
