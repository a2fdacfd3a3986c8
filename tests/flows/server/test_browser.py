"""A person at the Prefect UI, in a real Chromium, against a real ``recengine serve``.

With RECENGINE_SCREENSHOTS set to a folder the pages seen on the way are kept there as PNG.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from served import Served, until

from flows.support import artifacts
from flows.support.choices import title_of
from flows.support.folding import CHANGE, CONFIGS

pytestmark = [pytest.mark.browser, pytest.mark.prefect]

ARGUMENTS = [
    f"--{name}"
    for name in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
        "disable-background-networking", "disable-component-update", "disable-sync",
    )
]  # fmt: skip
PATIENCE_MS = 60_000
FOLDED = ["lists", "learning", "computing", "publication", *CONFIGS]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium of the system; skips where there is none."""
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        found = os.environ.get("RECENGINE_CHROMIUM") or shutil.which("chromium") or own
        if not Path(found).exists():
            pytest.skip("no Chromium: `make browser`, or set RECENGINE_CHROMIUM to the path of one")
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser: Browser, served: Served) -> Page:
    """A page that may talk to nobody but our server."""
    page = browser.new_page(viewport={"width": 1100, "height": 760})
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page.on("request", lambda request: _only_ours(request.url, served.port))
    return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests here."""
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """A fresh page."""
    found = new_page(browser, served)
    yield found
    found.close()


def test_custom_run_from_the_form_to_the_artifacts(page: Page, served: Served, demo: Path) -> None:
    open_deployment(page, served)
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Custom run").click()
    form = page.locator("form")
    for text in ("Recommendations per user", "demo is generated on the spot", "What lists hold"):
        expect(form.get_by_text(text).first).to_be_visible()
    top_n = field(page, "top_n")
    assert (top_n.input_value(), top_n.get_attribute("min"), top_n.get_attribute("max")) == (
        "10",
        "1",
        "1000",
    )
    shot(page, "form")
    open_group(page, "publication")
    expect(field(page, "keep_versions")).to_have_value("5")
    open_group(page, "limits")
    scale = field(page, "scale")
    scale.fill("good")
    page.get_by_role("button", name="Submit").click()
    expect(form.get_by_text("'good' does not match").first).to_be_visible()
    scale.fill("")

    choose(page, "dataset", "ml-latest-small", "published")
    choose(page, "model", "popularity")
    runs = count(served)
    top_n = field(page, "top_n")
    top_n.fill("0")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_timeout(1000)
    assert top_n.evaluate("field => field.validationMessage").startswith(
        "Value must be greater than or equal to 1"
    )
    assert count(served) == runs, "a run with a bad value was started"

    top_n = field(page, "top_n")
    top_n.fill("7")
    page.get_by_role("tab", name="path", exact=True).click()
    page.get_by_role("tabpanel", name="path", exact=True).locator("textarea, input").fill(str(demo))
    open_group(page, "learning")
    field(page, "seed").fill("3")
    run = submit(page, served, runs)
    ended = served.ended(run)
    assert ended["parameters"]["learning"]["seed"] == 3
    assert ended["parameters"]["gate"] is None, "what nobody opened is as it is set"
    assert (ended["state_name"], ended["parameters"]["top_n"]) == ("Published", 7), ended["state"]
    page.goto(f"{address(served)}/runs/flow-run/{run}")
    expect(page.get_by_text("Published").first).to_be_visible()
    page.wait_for_timeout(2000)  # the graph is drawn on a canvas: there is nothing to wait for
    shot(page, "run")
    page.get_by_role("tab", name="Artifacts").click()
    expect(page.get_by_text("publication", exact=True).first).to_be_visible()
    [night] = served.post(
        "artifacts/filter", artifacts={"key": {"any_": ["night"]}, "flow_run_id": {"any_": [run]}}
    )
    page.goto(f"{address(served)}/artifacts/artifact/{night['id']}")
    expect(page.get_by_text("Metrics of the last").first).to_be_visible()
    expect(page.get_by_text("Lists before and now")).to_be_visible()
    page.get_by_text("Metrics of the last").first.evaluate("heading => heading.scrollIntoView(true)")
    shot(page, "artifact")

    page.goto(f"{address(served)}/deployments")
    page.locator("a[href*='/deployments/deployment/']", has_text="rollback").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Custom run").click()
    kept = sorted(file.stem.removeprefix("serving-") for file in (served.home / "serving").glob("*.duckdb"))
    field(page, "version").click()
    expect(page.get_by_role("option", name=kept[-1], exact=True)).to_be_visible()
    shot(page, "rollback")


def test_both_interfaces_fold_the_form(page: Page, served: Served) -> None:
    deployment = served.get("deployments/name/nightly/nightly")["id"]
    for interface in ("", "/v2"):
        page.goto(f"http://127.0.0.1:{served.port}{interface}/deployments/deployment/{deployment}/run")
        lines = page.get_by_text(CHANGE, exact=True)
        expect(lines).to_have_count(len(FOLDED))
        hidden = page.get_by_text("Seed of everything random")
        expect(hidden).to_have_count(0)
        shown = page.locator("form label:visible, form .p-label__label:visible").count()
        lines.nth(FOLDED.index("learning")).click()
        expect(hidden).to_be_visible()
        shot(page, f"folded{interface.replace('/', '-')}")
        assert shown < 25, f"{shown} labels are seen before anything is opened"


def test_both_interfaces_draw_a_chart(page: Page, served: Served) -> None:
    curve = artifacts.curve([{"step": at, "train": 0.9 + 1 / at} for at in range(1, 13)])
    made = served.post("artifacts/", key="chart", type="markdown", data=f"# A chart\n\n{curve}")
    for interface in ("", "/v2"):
        page.goto(f"http://127.0.0.1:{served.port}{interface}/artifacts/artifact/{made['id']}")
        chart = page.get_by_alt_text("What training logged per step")
        expect(chart).to_be_visible()
        drawn, shown = chart.evaluate("image => [image.naturalWidth, image.clientWidth]")
        assert drawn == 660
        assert 300 < shown <= 660, f"{interface or 'the first interface'} shows it {shown} pixels wide"
        expect(page.get_by_role("cell", name="1.9000")).to_be_visible()
        shot(page, f"chart{interface.replace('/', '-')}")


@pytest.mark.slow
def test_a_schedule_is_paused_and_resumed(page: Page, served: Served, demo: Path) -> None:
    open_deployment(page, served)
    switch = page.get_by_role("switch").first
    for wanted in (False, True):
        switch.click()
        until(lambda wanted=wanted: active(served) is wanted, 30, f"the schedule being active={wanted}")


@pytest.mark.slow
def test_a_failed_run_is_retried_and_its_finished_tasks_are_not_run_again(
    page: Page, served: Served, demo: Path
) -> None:
    """A folder where the reader's link belongs: publishing fails, until somebody removes it."""
    link = served.home / "serving.duckdb"
    parked = served.home / "serving.link"
    if link.is_symlink():
        link.rename(parked)
    link.mkdir()
    (link / "in the way").touch()
    run = served.start_run("nightly", source=str(demo), model="popularity", force=True, top_n=6)
    assert served.ended(run)["state_type"] == "FAILED"
    shutil.rmtree(link)
    if parked.is_symlink():
        parked.rename(link)
    page.goto(f"{address(served)}/runs/flow-run/{run}")
    expect(page.get_by_text("Failed").first).to_be_visible()
    page.get_by_role("button", name="Open menu").first.click()
    page.get_by_role("menuitem", name="Retry").click()
    page.get_by_role("alertdialog").or_(page.get_by_role("dialog")).get_by_role(
        "button", name="Retry"
    ).click()
    until(lambda: served.run(run)["state_name"] == "Published", 120, "the retried run")
    tasks = served.post("task_runs/filter", flow_runs={"id": {"any_": [run]}})
    again = {re.sub("-[0-9a-f]{3}$", "", task["name"]): task["state_name"]
             for task in tasks if task["flow_run_run_count"] == 2}  # fmt: skip
    assert [again.pop(name) for name in ("publish tables", "write report", "clean up")] == ["Completed"] * 3
    assert set(again.values()) == {"Cached"}
    page.get_by_role("tab", name="Task Runs").click()
    expect(page.get_by_text("Cached").first).to_be_visible()
    shot(page, "retry")


def address(served: Served) -> str:
    """The UI's address."""
    return f"http://127.0.0.1:{served.port}/v2"


def open_deployment(page: Page, served: Served) -> None:
    """From the list of deployments to the nightly one."""
    page.goto(f"{address(served)}/deployments")
    page.locator("a[href*='/deployments/deployment/']", has_text="nightly").click()
    expect(page.get_by_text("At 03:30 AM")).to_be_visible()


def field(page: Page, name: str) -> Locator:
    """A form field, found through the id that its label points to at this moment."""
    if name == "model":  # a choice of the built-in ones, or an import path
        return page.get_by_role("button", name="Select built in")
    label = page.locator("label", has_text=re.compile(rf"^{re.escape(title_of(name))} \(Optional\)$"))
    return page.locator(f"[id='{label.get_attribute('for')}']")


def open_group(page: Page, name: str) -> None:
    """Open a folded group of the nightly form."""
    page.get_by_role("tab", name=CHANGE, exact=True).nth(FOLDED.index(name)).click()


def choose(page: Page, name: str, *values: str) -> None:
    """Pick values from a list, one after the other; a form drawn anew meanwhile has new ids."""
    for value in values:
        for patience in (5_000, 10_000, PATIENCE_MS):
            option = page.get_by_role("option", name=value, exact=True)
            try:
                if not option.is_visible():
                    field(page, name).click(timeout=patience)
                option.click(timeout=patience)
                break
            except PlaywrightTimeout:
                if patience == PATIENCE_MS:
                    raise


def submit(page: Page, served: Served, before: int) -> str:
    """Press Submit, as a person would: again where the page is still there, as after a busy server's 503."""
    answers: list[str] = []
    page.on("response", lambda answer: answers.append(f"{answer.status} {answer.url}"))
    for _ in range(3):
        page.get_by_role("button", name="Submit").click()
        with suppress(AssertionError):
            return str(until(lambda: newest(served, before), 20, "the new run"))
    raise AssertionError(f"no run was made; the page shows: {page.inner_text('body')}; answers: {answers}")


def count(served: Served) -> int:
    """How many runs of the nightly deployment were not made by its schedule."""
    return len(_runs(served))


def newest(served: Served, before: int) -> str | None:
    """The id of a run that was not there before."""
    found = _runs(served)
    return str(found[0]["id"]) if len(found) > before else None


def active(served: Served) -> bool:
    """Whether the nightly schedule is on."""
    [schedule] = served.get("deployments/name/nightly/nightly")["schedules"]
    return bool(schedule["active"])


def shot(page: Page, name: str) -> None:
    """Keep what is to be seen, where asked for."""
    if folder := os.environ.get("RECENGINE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def _runs(served: Served) -> list[dict[str, str]]:
    found = served.post(
        "flow_runs/filter", deployments={"name": {"any_": ["nightly"]}}, sort="EXPECTED_START_TIME_DESC"
    )
    return [run for run in found if not run["auto_scheduled"]]


def _only_ours(url: str, port: int) -> None:
    ours = url.startswith((f"http://127.0.0.1:{port}/", "data:", "blob:")) or ".invalid/" in url
    assert ours, f"the UI called {url}"
