"""Loud ends: events on the server, messages to a webhook, and no harm when the webhook is dead."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flow_runs import start
from inboxes import inbox
from prefect.client.orchestration import SyncPrefectClient

from flows.nightly import nightly
from flows.support import channels
from recengine.config import Home
from recengine.serving.versions import current_version

pytestmark = pytest.mark.prefect


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What a webhook got."""
    with inbox() as found:
        monkeypatch.setenv(channels.WEBHOOK, found.url)
        yield found.messages


def test_publication_keeping_and_failure(
    client: SyncPrefectClient, home: Home, hits: Path, messages: list[dict[str, Any]], tmp_path: Path
) -> None:
    start(client, nightly, source=str(hits), model="ease", force=True)
    version = current_version(home)
    assert messages == [], "a good night is quiet"
    start(client, nightly, source=str(hits), model="ease", top_n=9)
    assert list(messages[0]) == ["text"]
    assert (
        f"keeps version {version}: ease kept what is published: not better than popularity"
        in messages[0]["text"]
    )
    run, _ = start(client, nightly, source=str(tmp_path / "nowhere"))
    assert len(messages) == 2
    for part in (
        f"the run {run.name} failed",
        "nowhere",
        f"Readers still have version {version}",
        "retry",
    ):
        assert part in messages[1]["text"]
    assert str(run.id) in messages[1]["text"]

    shown = _event(client, "recengine.publication.published")["resource"]["prefect.resource.id"]
    assert shown == f"recengine.publication.{version}"
    reason = _event(client, "recengine.publication.kept")["payload"]["reason"]
    assert reason.startswith("ease kept what is published")
    for _ in range(100):  # events reach the server a moment later
        if _event(client, "recengine.run.failed")["resource"]["prefect.resource.name"] == run.name:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("no event of the failure arrived")


def test_a_dead_webhook_fails_nothing(
    client: SyncPrefectClient, home: Home, hits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "WEBHOOK_SECONDS", 0.3)
    start(client, nightly, source=str(hits), model="ease", force=True)
    with socket.socket() as silent:  # accepts, and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for url in (
            f"http://127.0.0.1:{silent.getsockname()[1]}/",
            "http://127.0.0.1:1/",
            "no address at all",
        ):
            monkeypatch.setenv(channels.WEBHOOK, url)
            top_n = 5 + len(url)
            _, state = start(client, nightly, source=str(hits), model="ease", top_n=top_n)
            assert state.name == "Kept", state


def _event(client: SyncPrefectClient, name: str) -> dict[str, Any]:
    """The newest event of a name; events reach the server a moment later."""
    for _ in range(100):
        body = {"filter": {"event": {"name": [name]}, "order": "DESC"}}
        if found := client._client.post("/events/filter", json=body).json()["events"]:
            return dict(found[0])
        time.sleep(0.1)
    raise AssertionError(f"no event {name} arrived in 10 s")
