"""The nightly flow on a home that release 0.1.0 left behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from flow_runs import start
from prefect.client.orchestration import SyncPrefectClient

from flows.nightly import nightly
from recengine.config import Home
from recengine.serving import queries as reading

EARLIER = Path(__file__).parents[1] / "fixtures" / "home-0.1.0.tar.xz"


@pytest.mark.slow
def test_an_update_runs_unchanged_data_once_and_from_scratch_runs_it_again(
    client: SyncPrefectClient, home: Home
) -> None:
    shutil.unpack_archive(EARLIER, home.root.parent)
    before = reading.status(home)["publication"]
    asked = {"source": str(home.root.parent / "source"), "model": "ease", "top_n": 5}
    _, state = start(client, nightly, **asked)
    assert (state.name, "ease published: good enough" in str(state.message)) == ("Published", True)
    now = reading.status(home)["publication"]
    assert (before["model"], now["model"]) == ("ease", "ease")
    assert now["model_id"] != before["model_id"]
    assert (now["metrics"]["measured_model"], now["metrics"]["measured_users"]) == ("ease", 60)
    _, state = start(client, nightly, **asked)
    assert state.name == "Unchanged"
    _, state = start(client, nightly, **asked, carry={"growth": 0.01, "days": 30, "from_scratch": True})
    assert state.name == "Published"
