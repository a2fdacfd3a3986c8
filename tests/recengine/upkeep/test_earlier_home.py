"""A home that release 0.1.0 left behind passes a night: see tests/fixtures/README.md."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from recengine import features, ingest, publish, score, train
from recengine.config import Home
from recengine.knobs.stages import IngestConfig, ScoreConfig, TrainConfig
from recengine.models import store
from recengine.movielens.layouts import recognise
from recengine.serving import queries as reading
from recengine.serving import report
from recengine.warehouse.connection import warehouse

EARLIER = Path(__file__).parents[2] / "fixtures" / "home-0.1.0.tar.xz"


@pytest.fixture
def earlier(tmp_path: Path) -> Home:
    """The earlier release's home; its source lies beside it."""
    shutil.unpack_archive(EARLIER, tmp_path)
    return Home.at(tmp_path / "home")


def night(home: Home, config: TrainConfig) -> train.TrainReport:
    """The stages of a night on the source beside the home; it ends with a publication."""
    with warehouse(home.warehouse) as con:
        ingest.ingest(con, recognise(home.root.parent / "source"), IngestConfig())
        folder = features.build(con, home).folder
    done = train.train(home, folder, config)
    assert done.model_id is not None
    with warehouse(home.warehouse) as con:
        train.remember(con, home, done.model_id)
        score.score(con, home, folder, done.model_id, ScoreConfig(top_n=5))
        publish.publish(con, home, reason=done.selection.reason)
        report.write(con, home)
    return done


def rate(home: Home, ratings: int) -> None:
    """Add ratings of a new user to the source."""
    with (home.root.parent / "source" / "u.data").open("a") as file:
        file.writelines(f"61\t{movie}\t4\t900000000\n" for movie in range(1, ratings + 1))


def test_night_on_new_data(earlier: Home) -> None:
    rate(earlier, 9)
    done = night(earlier, TrainConfig(model="ease"))
    status = reading.status(earlier)
    assert status["publication"]["model_id"] == done.model_id
    assert status["publication"]["users"] == 61
    assert len(status["versions"]) == 3
    assert len(reading.top(earlier, 61)) == 5


def test_night_on_unchanged_data_then_back(earlier: Home) -> None:
    before = reading.status(earlier)["publication"]
    done = night(earlier, TrainConfig(model="ease"))
    assert store.manifest_of(earlier, str(done.model_id)).snapshot
    with warehouse(earlier.warehouse) as con:
        publish.rollback(con, earlier)
    after = reading.status(earlier)["publication"]
    assert (after["version"], after["model_id"]) == (before["version"], before["model_id"])
