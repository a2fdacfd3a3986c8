"""Stored times are UTC wherever the box stands."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ingest_frames import FRAMES, load, write

from recengine.config import Home
from recengine.knobs.stages import RetentionConfig
from recengine.serving.retention import prune
from recengine.warehouse.connection import warehouse

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=["Pacific/Kiritimati", "America/Adak"])
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A box 14 hours ahead of UTC, or 10 behind."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
def test_times_of_a_load_and_of_retention_are_utc(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with warehouse(home.warehouse) as con:
        load(con, write(tmp_path / "s", dict(FRAMES["ml-1m"])))
        [(loaded, started)] = con.execute(
            "SELECT loaded_at, (SELECT max(started_at) FROM ops.loads) FROM ops.dataset"
        ).fetchall()
        now = datetime.now(UTC).replace(tzinfo=None)
        assert abs((loaded - now).total_seconds()) < 3600
        assert abs((loaded - started).total_seconds()) < 3600
        # One of 23 hours ago is within a day, one of 25 hours ago is not, by UTC.
        con.execute(
            "INSERT INTO ops.loads BY NAME SELECT * REPLACE (unnest(?) AS started_at) FROM ops.loads",
            [[datetime.fromtimestamp(now.replace(tzinfo=UTC).timestamp() - hours * 3600, UTC).replace(tzinfo=None)
              for hours in (23, 25)]],
        )  # fmt: skip
        assert prune(con, home, RetentionConfig(history_days=1)).history_rows == 1


def test_no_sql_takes_the_local_time() -> None:
    """A TIMESTAMP made of the current time names its zone."""
    local = (
        r"now\(\)::|\b(?:current_date|current_time\w*|localtime\w*)\b|\btoday\(\)|datetime\.now\(\)|utcnow"
    )
    files = [file for end in ("py", "sql") for file in (ROOT / "recengine").rglob(f"*.{end}")]
    found = {file.name: re.findall(local, file.read_text(encoding="utf-8")) for file in files}
    assert {name: times for name, times in found.items() if times} == {}
