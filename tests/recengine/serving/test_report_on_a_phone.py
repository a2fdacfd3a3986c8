"""The morning's page in a real Chromium, on a phone and in the dark."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from test_report import FACTS

from recengine.serving import report

pytestmark = pytest.mark.browser


def test_the_page_is_as_wide_as_the_phone_and_dark_where_that_is_wanted(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    wide = FACTS.publication | {"input_fingerprint": "f" * 60}
    file.write_text(report.page(replace(FACTS, publication=wide, seconds={"fit": 1234.5})), encoding="utf-8")
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        found = os.environ.get("RECENGINE_CHROMIUM") or shutil.which("chromium") or own
        if not Path(found).exists():
            pytest.skip("no Chromium: `make browser`")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        for scheme, ground in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 25, 31)")):
            page = browser.new_page(
                viewport={"width": 390, "height": 844},
                color_scheme=scheme,  # type: ignore[arg-type]
            )
            page.goto(file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") == 390, "nothing sticks out"
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
            assert (
                page.get_by_text("1,234.5").first.evaluate("cell => getComputedStyle(cell).textAlign")
                == "right"
            )
            if folder := os.environ.get("RECENGINE_SCREENSHOTS"):
                page.screenshot(path=f"{folder}/report-{scheme}.png", full_page=True)
            page.close()
        browser.close()
