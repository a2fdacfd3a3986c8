"""Who may talk to a Prefect server of ours.

A web page can send requests to this machine from its owner's browser, and let its own name point to 127.0.0.1
(DNS rebinding): requests that come from a foreign page are refused, over WebSockets too, and so are requests
under a foreign host name unless the user set credentials of their own, which no page knows.

With generated credentials (see ``flows.server.auth``) the server's own account and root need not give them: the
kernel says whose connection it is (``flows.server.peers``). A proxy connects for others: its requests need them.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Collection
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.server.peers import account_of

# What proxies add. One that adds nothing and runs as the server's own account is taken for it.
PROXIES = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
PAGES_SETTINGS = "/ui-settings"  # from which Prefect's pages learn whether they must ask for a password
_POLICY_VIOLATION = 1008


class Guard:
    """The app behind the checks above.

    Parameters
    ----------
    app : ASGI application
        Prefect's, with an auth string set.
    generated : str, optional
        The auth string, ``user:password``, if it was generated; None if it is the user's own.
    origins : collection of str
        Origins of pages that may send requests besides the server's own.
    """

    def __init__(self, app: ASGIApp, generated: str | None, origins: Collection[str] = ()) -> None:
        self.app, self.generated, self.origins = app, generated, frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on; for the server's own account with the credentials added."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self.generated is not None and not is_loopback(_name(headers.get("host", ""))):
            await _refuse(
                scope, receive, send, 400, "This server answers under the names of the loopback only."
            )
        elif "origin" in headers and self._foreign(headers):
            await _refuse(scope, receive, send, 403, "Pages of other sites may not talk to this server.")
        elif self.generated is None or not _own_account(scope, headers):
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].endswith(PAGES_SETTINGS):
            await self.app(
                _with_credentials(_plain(scope), headers, self.generated), receive, _without_login(send)
            )
        elif scope["type"] == "http":
            await self.app(_with_credentials(scope, headers, self.generated), receive, send)
        else:
            await self.app(scope, _with_token(receive, self.generated), send)

    def _foreign(self, headers: Headers) -> bool:
        """Whether a page of another origin sends this; behind the user's proxy the page has its name."""
        origin = headers["origin"]
        names = {headers.get("host")} | (
            {headers.get("x-forwarded-host")} if self.generated is None else set()
        )
        return origin not in self.origins and urlsplit(origin).netloc.lower() not in names


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server on ``host``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _own_account(scope: Scope, headers: Headers) -> bool:
    if any(name in headers for name in PROXIES):
        return False
    return account_of(scope.get("client"), scope.get("server")) in (os.geteuid(), 0)


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":  # before it is accepted: the client gets status 403
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": why})
    else:
        await PlainTextResponse(why, status_code=status)(scope, receive, send)


def _with_credentials(scope: Scope, headers: Headers, credentials: str) -> Scope:
    if "authorization" in headers:
        return scope
    basic = b"Basic " + base64.b64encode(credentials.encode())
    return {**scope, "headers": [*scope["headers"], (b"authorization", basic)]}


def _plain(scope: Scope) -> Scope:
    """The request for an answer that is not packed."""
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]}


def _without_login(send: Send) -> Send:
    """The settings of the pages, saying that no password is needed: these requests get the credentials here."""
    begun: list[Message] = []
    body = bytearray()

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            begun.append(message)
            return
        body.extend(message.get("body", b""))
        if not message.get("more_body", False):
            with suppress(ValueError, TypeError):  # where something else than settings stands there
                body[:] = json.dumps(json.loads(body) | {"auth": None}).encode()
            headers = [pair for pair in begun[0]["headers"] if pair[0].lower() != b"content-length"]
            length = (b"content-length", str(len(body)).encode())
            await send({**begun[0], "headers": [*headers, length]})
            await send({"type": "http.response.body", "body": bytes(body)})

    return sent


def _with_token(receive: Receive, credentials: str) -> Receive:
    """Prefect's WebSockets expect the credentials in the first message; one that has none gets them."""
    first = True

    async def received() -> Message:
        nonlocal first
        message = await receive()
        if first and message["type"] == "websocket.receive":
            first = False
            message = _filled(message, credentials)
        return message

    return received


def _filled(message: Message, credentials: str) -> Message:
    try:
        content = json.loads(message.get("text") or message.get("bytes") or "")
    except ValueError:
        return message
    if not isinstance(content, dict) or content.get("type") != "auth" or content.get("token"):
        return message
    return {"type": "websocket.receive", "text": json.dumps(content | {"token": credentials})}
