"""What one night asks for, and whether it has been answered already."""

from __future__ import annotations

import json
from typing import Any

import duckdb

from recengine.config import Home
from recengine.knobs.stages import PublishConfig, ScoreConfig, TrainConfig
from recengine.models.registry import code_of, kind_of
from recengine.rules.inforce import fingerprint
from recengine.runtime.devices import resolved
from recengine.selection.candidates import challenger_of
from recengine.selection.verdict import Selection
from recengine.serving.versions import current_version, versions
from recengine.warehouse.history import publications


def request_of(
    home: Home, dataset: str, train: TrainConfig, score: ScoreConfig, publish: PublishConfig | None = None
) -> str:
    """What is asked for as canonical JSON: whatever may change a verdict or a table, and the code that answers.

    The recipe is the one that challenges: a new tuning of the dataset is another request.
    """
    recipe = challenger_of(home, dataset, train)
    asked = {
        "recipe": recipe.model_dump(),
        "rules": json.loads(train.rules),
        "rules of lists": fingerprint(home, score),
        "devices": [resolved(train.device), resolved(score.device)],
        "score": score.model_dump(exclude={"device"}),
        "publish": (publish or PublishConfig()).model_dump(exclude={"keep_versions"}),
        "code": code_of(kind_of(recipe.model)),
    }
    return json.dumps(asked, sort_keys=True)


def already_answered(
    con: duckdb.DuckDBPyConnection, home: Home, request: str, input_fingerprint: str
) -> bool:
    """Whether the last decision was about this request on this data, so that a run could change nothing.

    A rollback in between does not count: who rolled back does not want the same tables again.
    """
    if current_version(home) is None:
        return False
    return _last(con) == (request, input_fingerprint) and _is_whole(con, home)


def last_request(con: duckdb.DuckDBPyConnection) -> dict[str, Any] | None:
    """What the last decision was asked, by part; None where there was none, or it does not say."""
    last = _last(con)
    asked = json.loads(last[0]) if last and last[0] else None
    return asked if isinstance(asked, dict) else None


def _last(con: duckdb.DuckDBPyConnection) -> tuple[str | None, str] | None:
    """Request and input of the last decision."""
    return con.execute(
        "SELECT request::VARCHAR, input_fingerprint FROM ops.publications "
        "WHERE action IN ('published', 'kept') ORDER BY rowid DESC LIMIT 1"
    ).fetchone()


def _is_whole(con: duckdb.DuckDBPyConnection, home: Home) -> bool:
    """Whether the last publication's file and model are there: one found damaged was set aside."""
    query = "FROM ops.publications SELECT version, model_id WHERE action = 'published' ORDER BY rowid DESC LIMIT 1"
    publications = con.execute(query).fetchall()
    return all(
        version in versions(home) and (home.models / model).exists() for version, model in publications
    )


def remember_kept(
    con: duckdb.DuckDBPyConnection, dataset: str, input_fingerprint: str, selection: Selection, request: str
) -> None:
    """Note in ``ops.publications`` that the published tables stay, and why."""
    subject = publications.Subject(dataset, None, input_fingerprint)
    publications.add(con, "kept", None, subject, selection.reason, selection.figures, request)
