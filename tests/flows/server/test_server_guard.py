"""Who may talk to a Prefect server of ours: by account, by page, by name; over HTTP and WebSockets."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from flows.server import auth, peers
from flows.server.guard import Guard
from recengine.config import Home

WORDS = "recengine:generated"
BASIC = "Basic " + base64.b64encode(WORDS.encode()).decode()
NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can open a socket as another account")
needs_lists = pytest.mark.skipif(not peers.LISTS[0].exists(), reason="this system does not list its sockets")


async def shown(request: Request) -> JSONResponse:
    return JSONResponse(request.headers.get("authorization"))


async def pages_settings(_: Request) -> JSONResponse:
    return JSONResponse({"auth": "BASIC", "api_url": "/api"})


async def repeated(websocket: WebSocket) -> None:
    await websocket.accept()
    for _ in range(2):
        await websocket.send_json(await websocket.receive_json())
    await websocket.close()


@contextmanager
def listening(generated: str | None, host: str = "127.0.0.1") -> Iterator[int]:
    """A guarded app that shows what it is sent; yields its port."""
    routes = [Route("/", shown), Route("/ui-settings", pages_settings), WebSocketRoute("/", repeated)]
    app = Starlette(routes=routes)
    config = uvicorn.Config(
        Guard(app, generated, ["https://front.example"]), log_level="error", lifespan="off"
    )
    server = uvicorn.Server(config)
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        thread = threading.Thread(target=server.run, args=([sock],), daemon=True)
        thread.start()
        yield sock.getsockname()[1]
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listening(WORDS) as found:
        yield found


@pytest.fixture(scope="module")
def own_words() -> Iterator[int]:
    """With an auth string of the user's own."""
    with listening(None) as found:
        yield found


@contextmanager
def connection(port: int, account: int, host: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A connection whose socket belongs to an account."""
    own = os.geteuid()
    os.seteuid(account)
    try:
        made = socket.create_connection((host, port), timeout=10)
    finally:
        os.seteuid(own)
    with made:
        yield made


def asked(sock: socket.socket) -> str:
    """The answer's body: what the app was sent as authorization."""
    client = http.client.HTTPConnection("localhost")
    client.sock = sock
    client.request("GET", "/")
    return client.getresponse().read().decode()


def get(port: int, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(f"http://127.0.0.1:{port}/", headers=named, trust_env=False)


@needs_lists
def test_the_own_account_need_not_give_the_words(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert [client.get("/").json() for _ in range(2)] == [BASIC, BASIC]  # over one connection
    assert get(port, Authorization="Basic other").json() == "Basic other"


@needs_lists
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_over_either_protocol(host: str) -> None:
    with listening(WORDS, host) as port:
        name = f"[{host}]" if ":" in host else host
        assert httpx.get(f"http://{name}:{port}/", trust_env=False).json() == BASIC
        if ":" not in host:  # an IPv6 socket that talks IPv4
            with socket.socket(socket.AF_INET6) as sock:
                sock.connect((f"::ffff:{host}", port))
                assert asked(sock) == f'"{BASIC}"'


@needs_root
@needs_lists
def test_other_accounts_must(port: int) -> None:
    with connection(port, NOBODY) as stranger, connection(port, 0) as root:
        assert asked(stranger) == "null"
        assert asked(root) == f'"{BASIC}"'
        assert asked(stranger) == "null"


def settings_seen(sock: socket.socket) -> str:
    client = http.client.HTTPConnection("localhost")
    client.sock = sock
    client.request("GET", "/ui-settings")
    return json.loads(client.getresponse().read())["auth"]


@needs_root
@needs_lists
def test_pages_ask_other_accounts_only_for_a_password(port: int, own_words: int) -> None:
    with connection(port, NOBODY) as stranger, connection(port, os.geteuid()) as owner:
        assert settings_seen(owner) is None
        assert settings_seen(stranger) == "BASIC"
    with connection(own_words, os.geteuid()) as owner:
        assert settings_seen(owner) == "BASIC", "words of the user's own are for everybody"


@needs_root
@needs_lists
def test_a_closed_connection_belongs_to_nobody_and_not_to_root() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with connection(listener.getsockname()[1], NOBODY):
            ours, _ = listener.accept()
            ends = ours.getpeername(), ours.getsockname()
            assert peers.account_of(*ends) == NOBODY
        assert peers.account_of(*ends) is None  # still listed, as FIN_WAIT
        ours.close()


def test_nobody_is_known_where_the_kernel_does_not_say(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "LISTS", (Path("/nowhere/tcp"), Path("/nowhere/tcp6")))
    assert get(port).json() is None
    assert peers.account_of(("192.0.2.1", 1), ("192.0.2.1", 2)) is None
    assert peers.account_of(None, None) is None


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Proto"])
def test_what_comes_through_a_proxy_needs_the_words(port: int, header: str) -> None:
    assert get(port, **{header: "127.0.0.1"}).json() is None


def test_pages_of_other_sites_are_refused(port: int, own_words: int) -> None:
    for found in (port, own_words):
        for origin in ("http://evil.example", "null", "http://localhost:1", f"http://evil.example:{found}"):
            assert get(found, Origin=origin).status_code == 403
            with pytest.raises(InvalidStatus, match="403"):
                connect(f"ws://127.0.0.1:{found}/", origin=origin, proxy=None)
        assert get(found, Origin=f"http://127.0.0.1:{found}").status_code == 200
        assert get(found, Origin="https://front.example").status_code == 200
    behind_a_proxy = {"Origin": "https://night.example", "X-Forwarded-Host": "night.example"}
    assert get(own_words, **behind_a_proxy).status_code == 200
    assert get(port, **behind_a_proxy).status_code == 403


def test_foreign_names_are_refused_but_with_words_of_the_users_own(port: int, own_words: int) -> None:
    for host in (f"evil.example:{port}", "evil.example", "127.0.0.1.evil.example", "[::1", "169.254.1.1"):
        assert get(port, Host=host).status_code == 400
        assert get(own_words, Host=host).status_code == 200
    for host in ("localhost", f"LOCALHOST:{port}", "127.0.0.1", "[::1]:4200"):
        assert get(port, Host=host).status_code == 200


@needs_lists
def test_over_websockets_the_words_go_into_the_first_message(port: int, own_words: int) -> None:
    empty, other = {"type": "auth", "token": None}, {"type": "auth", "token": "other"}

    def sent(found: int, *messages: dict[str, object]) -> list[dict[str, object]]:
        with connect(f"ws://127.0.0.1:{found}/", proxy=None) as websocket:
            for message in messages:
                websocket.send(json.dumps(message))
            return [json.loads(websocket.recv()) for _ in messages]

    assert sent(port, empty, empty) == [{"type": "auth", "token": WORDS}, empty]
    assert sent(port, other, {"type": "filter"}) == [other, {"type": "filter"}]
    assert sent(own_words, empty, empty) == [empty, empty]


@needs_root
@needs_lists
def test_over_websockets_other_accounts_must_give_them(port: int) -> None:
    with connection(port, NOBODY) as sock, connect(f"ws://127.0.0.1:{port}/", sock=sock) as websocket:
        websocket.send('{"type": "auth", "token": null}')
        assert json.loads(websocket.recv()) == {"type": "auth", "token": None}


def test_the_words_are_made_once_for_the_owner_alone(home: Home) -> None:
    words = auth.generated(home)
    assert len(words) > 30
    assert auth.generated(home) == auth.read_stored(home) == words
    assert stat.S_IMODE(auth.file_of(home).stat().st_mode) == 0o600
    assert auth.for_clients(home, {auth.CLIENT: "a:b"}) == words
    auth.file_of(home).chmod(0o644)  # others may have read them
    assert auth.read_stored(home) is None
    assert auth.generated(home) != words
    auth.file_of(home).unlink()
    assert auth.for_clients(home, {auth.CLIENT: "a:b", auth.SERVER: "c:d"}) == "c:d"
    assert auth.for_clients(home, {}) is None
