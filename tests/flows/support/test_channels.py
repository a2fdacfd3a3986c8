"""Where alerts go: a webhook and blocks of Prefect, each told of by itself."""

from __future__ import annotations

from typing import ClassVar

import pytest
from inboxes import inbox
from prefect.blocks.notifications import NotificationBlock
from prefect.blocks.system import Secret
from stage_commands import start

from flows.support import channels

pytestmark = pytest.mark.prefect


class Slow(NotificationBlock):
    """One whose notify is a coroutine."""

    _block_type_name = "Slow"
    _block_type_slug = "slow"

    async def notify(self, body: str, subject: str | None = None) -> None:
        """Carry it."""
        Pigeon.carried.append((f"{body}, slowly", subject))


class Pigeon(NotificationBlock):
    """A block of somebody's own."""

    _block_type_name = "Pigeon"
    _block_type_slug = "pigeon"
    lame: bool = False
    carried: ClassVar[list[tuple[str, str | None]]] = []

    def notify(self, body: str, subject: str | None = None) -> None:  # type: ignore[override]
        """Carry it, or not."""
        if self.lame:
            raise RuntimeError("https://secret@example.invalid")
        self.carried.append((body, subject))


def test_every_place_gets_the_message_and_says_what_went_wrong(
    server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    Pigeon().save("ops", _sync=True)
    Slow().save("ops", _sync=True)
    Pigeon(lame=True).save("old", _sync=True)
    Secret(value="x").save("no-notifier", _sync=True)
    monkeypatch.setenv(
        channels.BLOCKS, "pigeon/ops, pigeon/old,pigeon/nobody,secret/no-notifier,ops,slow/ops"
    )
    with inbox() as hook:
        monkeypatch.setenv(channels.WEBHOOK, hook.url)
        sent = {each.place: each.problem for each in channels.send("hello")}
        assert hook.messages == [{"text": "hello"}]
    assert sent == {
        "RECENGINE_WEBHOOK_URL": "",
        "block pigeon/ops": "",
        "block pigeon/old": "it sent nothing: RuntimeError",
        "block pigeon/nobody": "it could not be loaded (ValueError); make one in the Prefect UI, under Blocks",
        "block secret/no-notifier": "it is no block that notifies",
        "block slow/ops": "",
        "block ops": "it is no TYPE/NAME, such as slack-webhook/ops, in RECENGINE_ALERT_BLOCKS",
    }
    assert Pigeon.carried == [("hello", "recengine"), ("hello, slowly", "recengine")]


def test_a_test_message_says_where_it_went(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(channels.WEBHOOK, raising=False)
    monkeypatch.delenv(channels.BLOCKS, raising=False)
    assert start("alert", "--test") == 2
    assert "Alerts go nowhere: set RECENGINE_WEBHOOK_URL" in " ".join(capsys.readouterr().err.split())
    with inbox() as hook:
        monkeypatch.setenv(channels.WEBHOOK, hook.url)
        assert start("alert", "--test") == 0
        assert [message["text"][:24] for message in hook.messages] == ["recengine: this is a tes"]
    assert capsys.readouterr().out == "RECENGINE_WEBHOOK_URL: sent\n"
    assert start("alert", "--test") == 1, "nobody listens there any more"
    assert capsys.readouterr().out.startswith("RECENGINE_WEBHOOK_URL: it could not be reached")
