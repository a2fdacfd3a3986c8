"""The artifacts that stand on the run itself, where a person looks first, and not on the task that makes them."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate


def sum_up(shown: str | list[dict[str, Any]], key: str, description: str) -> None:
    """Markdown, or a table's rows, on the run itself: a person opens the run, not its tasks."""
    made = ArtifactCreate(
        key=key,
        type="markdown" if isinstance(shown, str) else "table",
        description=description,
        data=shown if isinstance(shown, str) else json.dumps(shown),
        flow_run_id=UUID(str(runtime.flow_run.id)),
    )
    with get_client(sync_client=True) as client:
        client.create_artifact(made)
