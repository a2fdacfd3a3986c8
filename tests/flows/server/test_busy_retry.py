"""A busy Prefect database is waited for on the server, for clients that do not ask again themselves."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from flows.server import busy_retry


class Busy:
    """An app that is busy for the first few requests and keeps the bodies it was sent."""

    def __init__(self, times: int, status: int = busy_retry.BUSY) -> None:
        self.left, self.status, self.bodies = times, status, list[bytes]()

    async def answer(self, request: Request) -> JSONResponse:
        self.bodies.append(await request.body())
        self.left -= 1
        if self.left >= 0:
            raise RuntimeError("database is locked")
        return JSONResponse({"busy": False}, 201)

    async def told(self, _: Request, __: Exception) -> JSONResponse:
        """As in Prefect's server: the answer goes out, and the error goes on."""
        return JSONResponse({"busy": True}, self.status)

    def ask(self, method: str, content: bytes = b"") -> httpx.Response:
        routes = [Route("/", self.answer, methods=["GET", "POST", "PATCH"])]
        app = busy_retry.RetryWhenBusy(Starlette(routes=routes, exception_handlers={Exception: self.told}))

        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://box"
            ) as client:
                return await client.request(method, "/", content=content)

        return asyncio.run(asked())


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(busy_retry, "PAUSES", (0.0,) * len(busy_retry.PAUSES))


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_write_is_sent_again_as_it_was_until_there_is_an_answer(method: str) -> None:
    app = Busy(3)
    answer = app.ask(method, b"x" * 100_000)
    assert (answer.status_code, answer.json()) == (201, {"busy": False})
    assert app.bodies == [b"x" * 100_000] * 4


def test_who_stays_busy_is_heard_in_the_end() -> None:
    app = Busy(1000)
    answer = app.ask("POST", b"x")
    assert (answer.status_code, answer.json()) == (503, {"busy": True})
    assert len(app.bodies) == len(busy_retry.PAUSES) + 1


@pytest.mark.parametrize(("method", "status"), [("GET", 503), ("POST", 500), ("POST", 409)])
def test_reads_and_other_answers_are_handed_on_at_once(method: str, status: int) -> None:
    app = Busy(1000, status)
    assert app.ask(method).status_code == status
    assert len(app.bodies) == 1
