"""A run that a person can mend says what is wrong in one sentence, what to do, and no traceback; it is noted."""

from __future__ import annotations

from pathlib import Path

import pytest
from flow_runs import artifacts_of, start
from prefect.client.orchestration import SyncPrefectClient

from flows.nightly import nightly
from recengine.config import Home
from recengine.errors import RecengineError
from recengine.serving import runs

pytestmark = pytest.mark.prefect


def test_an_expected_error_is_a_sentence_and_what_to_do(
    client: SyncPrefectClient, home: Home, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, state = start(client, nightly, source=str(tmp_path / "nowhere"))
    error = state.result(raise_on_failure=False)
    assert isinstance(error, RecengineError)
    assert state.is_failed()
    assert state.message == str(error), "the state's message is the reason, and nothing else"
    page = str(artifacts_of(client, run)["what-to-do"].data)
    assert "nowhere" in page
    assert "## What to do\n\n1. " in page
    assert "nothing yet, as before" in page
    assert not [record for record in caplog.records if record.exc_info]
    assert "Traceback" not in caplog.text
    [noted] = runs.last(home)
    assert (noted.name, noted.flow, noted.outcome, noted.reason) == (
        run.name,
        "nightly",
        "Failed",
        str(error),
    )


def test_what_is_noted_quotes_no_line(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    run = runs.Run(
        name="x", flow="nightly", outcome="Failed", began=runs.now(), ended=runs.now(),
        reason="3 rows cannot be used (first: ratings.csv, line 12: 4711,x,5). Mend it.",
    )  # fmt: skip
    runs.note(home, run)
    [noted] = runs.last(home)
    assert noted.reason == "3 rows cannot be used (first: ratings.csv, line 12). Mend it."
