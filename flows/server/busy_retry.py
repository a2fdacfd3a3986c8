"""A busy database is waited for: what Prefect's server answers with 503 is asked again before anybody hears of it.

Where two requests write at once, SQLite refuses the one that had read before the other wrote; its transaction is
undone and Prefect answers 503. Prefect's own clients then ask again; a browser's form or a script does not.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # seconds before each further attempt
BUSY = 503
_READS = ("GET", "HEAD", "OPTIONS")


class RetryWhenBusy:
    """The app, with requests that write sent again, as they were, while it answers 503.

    Parameters
    ----------
    app : ASGI application
        Prefect's: a 503 of it has changed nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on; the last attempt's answer goes out whatever it is."""
        if scope["type"] != "http" or scope["method"] in _READS:
            await self.app(scope, receive, send)
            return
        body = await _body_of(receive)
        for pause in PAUSES:
            if await self._answers(scope, _again(body, receive), send):
                return
            await asyncio.sleep(pause)
        await self.app({**scope}, _again(body, receive), send)

    async def _answers(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether an answer other than 503 was given, which then went out."""
        busy = False

        async def unless_busy(message: Message) -> None:
            nonlocal busy
            busy = busy or (message["type"] == "http.response.start" and message["status"] == BUSY)
            if not busy:
                await send(message)

        try:
            await self.app({**scope}, receive, unless_busy)
        except Exception:  # what made it answer 503 goes on to the log when the answer went out
            if not busy:
                raise
        return not busy


async def _body_of(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)  # a client that left sends none
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """The request's body in one message, then what else the client has to say."""
    body_sent = False

    async def received() -> Message:
        nonlocal body_sent
        if body_sent:
            return await receive()
        body_sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received
