"""A person at ``recengine browse``, in a real Chromium.

With RECENGINE_SCREENSHOTS set to a folder the page is kept there as PNG.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from served import until
from stage_commands import start
from test_browser import chromium

from recengine.config import Home
from recengine.synthetic.generator import GeneratorConfig, generate

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A small published home, with reasons."""
    root = tmp_path_factory.mktemp("browse")
    generate(root / "small", GeneratorConfig(users=60, movies=80, ratings=2000, seed=1))
    stages = (("ingest", "--source", root / "small"), ("features",), ("train", "--model", "ease"), ("score",))
    for stage in (*stages, ("publish",)):
        assert start(*stage, "--home", root / "home") == 0
    return Home(root / "home")


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def address(home: Home) -> Iterator[str]:
    """Where the page is, while the command runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = "from flows.cli import main; main()"
    command = [sys.executable, "-c", program, "browse", "--no-open", "--port", str(port)]
    env = os.environ | {"PYTHONPATH": os.getcwd()}
    running = subprocess.Popen(
        [*command, "--home", home.root], env=env, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    address = f"http://127.0.0.1:{port}/"
    try:
        until(lambda: _answers(address), 60, "the page")
        yield address
    finally:
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    assert running.wait(timeout=20) == 130
    assert running.stderr is not None
    assert running.stderr.read().endswith("Stopped: nothing was changed.\n")


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    """The page, which may talk to nobody but its server."""
    with chromium() as browser:
        found = browser.new_page(viewport={"width": 1200, "height": 1280})
        found.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        foreign = list[str]()
        ours = (address, address.replace("http", "ws"), "data:", "blob:")
        found.on("request", lambda seen: None if seen.url.startswith(ours) else foreign.append(seen.url))
        found.goto(address)
        yield found
        assert foreign == []


def _digest(home: Home) -> str:
    return hashlib.sha256(home.serving_link.read_bytes()).hexdigest()


def test_a_person_looks_through_what_is_published(page: Page, home: Home) -> None:
    before = _digest(home)
    expect(page.get_by_text("Recommended to user 1")).to_be_visible()
    expect(page.get_by_text("Among the reasons")).to_be_visible()
    page.get_by_label("User id, or how it begins").fill("7")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Recommended to user 7")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame")).to_have_count(3)
    _shot(page, "browse")
    for choice, heading in (
        ("Similar movies", "Rated by the same people as"),
        ("Popular", "Popular by segment"),
        ("Outcomes", "What came of the lists"),
    ):
        page.get_by_text(choice, exact=True).first.click()
        expect(page.get_by_text(heading).first).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
    page.get_by_text("SQL", exact=True).first.click()
    asked = page.get_by_label("One SELECT on the published tables")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_test_id("stDataFrame")).to_have_count(2)  # the answer, and the comments
    asked.fill("DELETE FROM recommendations")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Give one SELECT and nothing else")).to_be_visible()
    asked.fill("FROM read_text('/etc/hostname')")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("DuckDB refused the query")).to_be_visible()
    assert _digest(home) == before


def test_another_site_in_the_same_browser_gets_nothing(address: str) -> None:
    asked = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    asked |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": "http://elsewhere.example"}
    answer = httpx.get(f"{address}_stcore/stream", headers=asked, trust_env=False)
    assert answer.status_code == 403


def _shot(page: Page, name: str) -> None:
    if folder := os.environ.get("RECENGINE_SCREENSHOTS"):
        page.wait_for_timeout(1500)  # tables are drawn after their data is there
        page.screenshot(path=Path(folder) / f"{name}.png")
