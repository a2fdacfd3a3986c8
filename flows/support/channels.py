"""Where alerts go, chosen in one place, the environment: a webhook, and notification blocks of Prefect.

``RECENGINE_WEBHOOK_URL`` is a webhook (Slack, Mattermost, or anything that takes ``{"text": ...}``).
``RECENGINE_ALERT_BLOCKS`` names blocks made in the Prefect UI under Blocks, as TYPE/NAME with commas between:
``slack-webhook/ops,sendgrid-email/on-call``. One that does not answer never fails a run.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import httpx

WEBHOOK = "RECENGINE_WEBHOOK_URL"
BLOCKS = "RECENGINE_ALERT_BLOCKS"
WEBHOOK_SECONDS = 5.0
SUBJECT = "recengine"


@dataclass(frozen=True)
class Sent:
    """What became of one message in one place; ``problem`` is empty where it was taken."""

    place: str
    problem: str = ""


def webhook() -> str | None:
    """The webhook's address, which is a secret."""
    return os.environ.get(WEBHOOK) or None


def blocks() -> list[str]:
    """The notification blocks, as TYPE/NAME."""
    return [name.strip() for name in os.environ.get(BLOCKS, "").split(",") if name.strip()]


def places() -> list[str]:
    """Where alerts go, in words without secrets."""
    return [WEBHOOK] * bool(webhook()) + [f"block {name}" for name in blocks()]


def send(text: str) -> list[Sent]:
    """Send a message to every place; what goes wrong in one is told, and stops nothing."""
    url = webhook()
    sent = [Sent(WEBHOOK, _posted(url, text))] if url else []
    return [*sent, *(Sent(f"block {name}", _notified(name, text)) for name in blocks())]


def _posted(url: str, text: str) -> str:
    try:
        httpx.post(url, json={"text": text}, timeout=WEBHOOK_SECONDS).raise_for_status()
    except httpx.HTTPStatusError as error:  # its text has the address
        return f"it answered with status {error.response.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"it could not be reached: {type(error).__name__}"
    return ""


def _notified(name: str, text: str) -> str:
    from prefect.blocks import notifications
    from prefect.blocks.core import Block
    from prefect.utilities.asyncutils import run_coro_as_sync

    if name.count("/") != 1:
        return f"it is no TYPE/NAME, such as slack-webhook/ops, in {BLOCKS}"
    try:
        block: Any = Block.load(name)
    except Exception as error:  # not there, of a package that is not, or not readable
        return f"it could not be loaded ({type(error).__name__}); make one in the Prefect UI, under Blocks"
    if not isinstance(block, notifications.NotificationBlock):
        return "it is no block that notifies"
    try:
        answer: Any = block.notify(text, subject=SUBJECT)
        if inspect.isawaitable(answer):
            run_coro_as_sync(_awaited(answer))
    except Exception as error:  # any package's; its text may hold the address
        return f"it sent nothing: {type(error).__name__}"
    return ""


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer
