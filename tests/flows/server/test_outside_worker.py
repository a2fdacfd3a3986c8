"""A model of another package in a real worker's process: found through PYTHONPATH, as an installed one would be."""

from __future__ import annotations

from pathlib import Path

import outsiders
import pytest
from served import serving

from recengine.config import Home
from recengine.serving import queries as reading

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


def test_the_worker_trains_and_publishes_it(
    tmp_path: Path, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{outsiders.package(tmp_path / 'elsewhere', monkeypatch)}:Ranker"
    home = tmp_path / "home"
    with serving(home, None, PYTHONPATH=str(tmp_path / "elsewhere")) as served:
        run = served.ended(served.start_run("nightly", source=str(demo), model=name))
        assert run["state_name"] == "Published", run["state"]
        wrong = served.ended(served.start_run("nightly", source=str(demo), model="outside.ranking:Rankre"))
        assert (wrong["state_type"], "did you mean Ranker?" in wrong["state"]["message"]) == ("FAILED", True)
    [model_id] = reading.sql(Home(home), "SELECT model_id FROM publication")["model_id"]
    assert model_id.startswith("ranker-")
