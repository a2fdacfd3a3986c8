"""Runs have names that say what ran, on which data, when; what sums a night up stands on the run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from flow_runs import retry, start
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.flow_engine import run_flow

from flows.features import features
from flows.ingest import ingest
from flows.nightly import nightly
from flows.rollback import rollback
from recengine.config import Home

pytestmark = pytest.mark.prefect


def test_names_say_what_ran_and_which_one_of_the_day(
    client: SyncPrefectClient, home: Home, demo: Path, tmp_path: Path
) -> None:
    (mine := tmp_path / "named-for-this_test").symlink_to(demo)
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    first, _ = start(client, ingest, source=str(mine))
    second, state = start(client, ingest, source=str(mine))
    assert [first.name, second.name] == [f"ingest {mine.name} {day} #{n}" for n in (1, 2)], state.message
    again, _ = retry(client, ingest, first)
    assert again.name == first.name, "a retried run keeps its name"
    unread, state = start(client, features)
    assert state.is_completed()
    assert unread.name.startswith(f"features {day} #"), "nothing is published: no dataset is known"


def test_a_name_that_a_person_gave_stays(client: SyncPrefectClient, home: Home) -> None:
    created = client.create_flow_run(rollback, name="Before the meeting")
    run_flow(rollback, flow_run=created, parameters={}, return_type="state")
    assert client.read_flow_run(created.id).name == "Before the meeting"


def test_what_sums_the_night_up_stands_on_the_run(client: SyncPrefectClient, home: Home, hits: Path) -> None:
    run, state = start(client, nightly, source=str(hits), model="popularity")
    assert state.name == "Published", state.message
    chosen = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    found = {each.key: each.task_run_id for each in client.read_artifacts(artifact_filter=chosen)}
    on_run = {key for key, task in found.items() if task is None}
    assert on_run == {"decision", "publication", "sample", "night"}
    assert set(found) - on_run == {"load", "model"}
    later, _ = start(client, nightly, source=str(hits), model="popularity", force=True)
    assert later.name.rpartition(" #")[0] == run.name.rpartition(" #")[0]
    assert int(later.name.rpartition("#")[2]) > int(run.name.rpartition("#")[2])
