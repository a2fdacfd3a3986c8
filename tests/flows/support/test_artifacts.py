"""What a run shows: every artifact is there, and text from the data is text."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from flow_runs import artifacts_of, start, tasks_of
from prefect.client.orchestration import SyncPrefectClient
from small_releases import HOSTILE

from flows.nightly import nightly
from flows.rollback import rollback
from flows.support import artifacts
from recengine.config import Home
from recengine.serving.escaping import for_markdown

pytestmark = pytest.mark.prefect

# What Markdown or HTML would act on, unless a backslash or an entity takes its meaning away.
ACTIVE = re.compile(
    r"<(script|img|b)\b|(?<!\\)\*\*bold|(?<!\\)\]\(javascript|(?<!\\)`times|[\x00-\x08\x0e-\x1f]"
)


def test_a_night_with_hostile_titles(client: SyncPrefectClient, home: Home, hits: Path) -> None:
    start(client, nightly, source=str(hits), model="popularity")
    run, state = start(client, nightly, source=str(hits), model="popularity", top_n=5)
    assert state.name == "Published"
    assert tasks_of(client, run)["write report"].state_name == "Completed"
    found = artifacts_of(client, run)
    assert set(found) == {"load", "decision", "model", "publication", "sample", "night"}
    written = {key: str(artifact.data) for key, artifact in found.items() if artifact.type == "markdown"}
    assert {"load", "decision", "night"} <= set(written)
    for key, text in written.items():
        assert not ACTIVE.search(text), f"{key} has live text: {text}"
    night = str(found["night"].data)
    for heading in ("Rows in", "Metrics of the last 2 publications", "Lists before and now"):
        assert f"## {heading}" in night
    assert picture_in(night)[:4] == b"\x89PNG"
    assert for_markdown(HOSTILE[0]) in night
    assert {row["title"] for row in json.loads(str(found["sample"].data))} & set(HOSTILE)

    page = (home.reports / f"{re.search('[0-9]{8}-[0-9]{6}-[0-9]{3}', night)[0]}.html").read_text()  # type: ignore[index]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not re.search(r"<script|<img|\x1b|(src|href)=.http", page)


def test_a_rollback_says_what_readers_see(client: SyncPrefectClient, home: Home, hits: Path) -> None:
    for top_n in (4, 5):
        start(client, nightly, source=str(hits), model="popularity", top_n=top_n)
    run, state = start(client, rollback)
    assert state.is_completed()
    text = str(artifacts_of(client, run)["publication"].data)
    assert "Rolled back to" in text
    assert re.search(r"top\\_n \| 4|top_n \| 4", text)


def test_a_loss_curve_is_drawn_and_told() -> None:
    text = artifacts.curve([{"step": at, "train": 1.5 - at / 50, "validation": 1.5} for at in range(1, 26)])
    assert picture_in(text)[:4] == b"\x89PNG"
    assert len(text) < 30_000, "an artifact is read by a page: it should stay small"
    assert [line for line in text.splitlines() if line.startswith("|")][:3] == [
        "| Step | train | validation |",
        "| --- | --- | --- |",
        "| 1 | 1.4800 | 1.5000 |",
    ]
    steps = [int(step) for step in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]
    assert steps == [1, 3, 6, 9, 11, 14, 17, 19, 22, 25]
    assert "closed form" in artifacts.curve([])


def picture_in(text: str) -> bytes:
    """What stands as a picture in an artifact's Markdown."""
    [drawn] = re.findall(r"!\[[^]]+\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", text)
    return base64.b64decode(drawn)


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_text_has_nothing_live(text: str) -> None:
    shown = for_markdown(text)
    assert not ACTIVE.search(shown)
    assert "|" not in shown.replace("\\|", "")
