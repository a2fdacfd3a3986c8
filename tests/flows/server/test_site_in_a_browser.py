"""The site, opened from files in a real Chromium: its search finds things, and no page asks anybody for anything."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import expect
from served import ROOT
from test_browser import chromium

pytestmark = pytest.mark.browser


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="the extra [docs] is not installed")
def test_the_search_works_without_a_server(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, check=True, timeout=120)
    asked: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1300, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{(tmp_path / 'examples' / 'library.html').as_uri()}")
        page.get_by_placeholder("Search").press_sequentially("quarantine")
        expect(page.get_by_text("matching documents")).to_be_visible(timeout=30_000)
        assert page.locator(".md-search-result__item").count() >= 3
        first = page.locator(".md-search-result__link").first
        first.click()
        expect(page.locator("article mark").first).to_have_text("quarantine", ignore_case=True)
    assert {url.partition("://")[0] for url in asked} <= {"file", "data"}
