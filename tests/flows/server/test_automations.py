"""Automations under new names: what a release made before is renamed where it stands, never doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from inboxes import inbox
from prefect.client.orchestration import SyncPrefectClient, get_client

from flows.server import automations
from flows.server.automations import ALERT, FORMER_NAMES, NEVER_RAN, VANISHED

pytestmark = pytest.mark.prefect


@pytest.fixture(autouse=True)
def empty(client: SyncPrefectClient) -> Iterator[None]:
    """A server without automations, before and after."""
    _remove_all(client)
    yield
    _remove_all(client)


def test_former_names_are_taken_over_and_what_was_off_stays_off(
    client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with inbox() as hook:
        monkeypatch.setenv(automations.WEBHOOK, hook.url)
        with monkeypatch.context() as earlier:  # as the release before made them
            for name, former in FORMER_NAMES.items():
                earlier.setattr(automations, _constant(name), former)
            earlier.setattr(automations, "FORMER_NAMES", {former: former for former in FORMER_NAMES.values()})
            asyncio.run(_set_up())
        before = _standing(client)
        assert sorted(before) == sorted(FORMER_NAMES.values())
        client._client.patch(f"/automations/{before[FORMER_NAMES[VANISHED]]['id']}", json={"enabled": False})
        asyncio.run(_set_up())
        after = _standing(client)
        assert {name: after[name]["enabled"] for name in after} == {
            VANISHED: False,
            NEVER_RAN: True,
            ALERT: True,
        }
        assert after[VANISHED]["id"] == before[FORMER_NAMES[VANISHED]]["id"]
        asyncio.run(_set_up())
        assert _standing(client) == after
    monkeypatch.delenv(automations.WEBHOOK)
    asyncio.run(_set_up())
    assert sorted(_standing(client)) == sorted([VANISHED, NEVER_RAN])


async def _set_up() -> None:
    async with get_client() as client:
        await automations.set_up(client)


def _constant(name: str) -> str:
    return next(
        constant for constant in ("VANISHED", "NEVER_RAN", "ALERT") if getattr(automations, constant) == name
    )


def _standing(client: SyncPrefectClient) -> dict[str, dict[str, object]]:
    found = client._client.post("/automations/filter", json={}).json()
    assert len({each["name"] for each in found}) == len(found), "one is there twice"
    return {each["name"]: {"id": each["id"], "enabled": each["enabled"]} for each in found}


def _remove_all(client: SyncPrefectClient) -> None:
    for each in client._client.post("/automations/filter", json={}).json():
        client._client.delete(f"/automations/{each['id']}")
