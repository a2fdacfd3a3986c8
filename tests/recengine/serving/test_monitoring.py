"""metrics.prom: what a monitor reads after each night, and how old status finds what readers see."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from engine_homes import copy_of, published
from prometheus_client.parser import text_string_to_metric_families

from recengine import publish
from recengine.config import Home
from recengine.errors import BadInput, NotReady
from recengine.serving import freshness, monitoring
from recengine.serving.queries import sql
from recengine.serving.versions import current_version
from recengine.warehouse.connection import warehouse

Said = dict[tuple[str, ...], float]


def said(home: Home) -> Said:
    """Every value of the file, as Prometheus' own parser reads it."""
    families = list(text_string_to_metric_families(home.metrics.read_text(encoding="utf-8")))
    assert all(family.type == "gauge" and family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    return {
        (sample.name.removeprefix("recengine_"), *sample.labels.values()): sample.value for sample in samples
    }


def fail_after_ingest(watch: monitoring.Watch) -> None:
    watch.lap("ingest")
    raise RuntimeError


@pytest.fixture
def readable(published_home: Home, tmp_path: Path) -> Home:
    return copy_of(published_home, tmp_path / "home")


def test_a_night_that_went_well(readable: Home) -> None:
    began = time.time()
    with monitoring.watched(readable) as watch:
        watch.lap("ingest")
        time.sleep(0.02)
        watch.lap("score")
    values = said(readable)
    assert values["last_night_success",] == 1
    assert began <= values["last_success_timestamp_seconds",] <= time.time()
    assert values["last_failure_timestamp_seconds",] == 0
    assert values["stage_seconds", "score"] >= 0.02 > values["stage_seconds", "ingest"] >= 0
    assert values["table_rows", "recommendations"] == 200
    assert values["table_rows", "ratings"] == sql(readable, "SELECT count(*) AS n FROM ratings")["n"][0]
    assert values["quality", "ndcg@10"] == 0.25
    assert values["quarantined_rows",] == 0
    assert values["publication_bytes",] == readable.serving_link.stat().st_size
    [about] = [name[1:] for name in values if name[0] == "publication_info"]
    assert about[0] == current_version(readable)
    assert 0 < values["publication_age_seconds",] < 3600
    assert values["up_to_date_timestamp_seconds",] >= began, "the warehouse still holds what was published"


def test_a_night_that_failed_says_when_one_last_went_well(readable: Home) -> None:
    with monitoring.watched(readable):
        pass
    well = said(readable)
    with pytest.raises(RuntimeError), monitoring.watched(readable) as watch:
        fail_after_ingest(watch)
    failed = said(readable)
    assert failed["last_night_success",] == 0
    for name in ("last_success_timestamp_seconds", "up_to_date_timestamp_seconds"):
        assert failed[name,] == well[name,]
    assert failed["last_failure_timestamp_seconds",] > well["last_success_timestamp_seconds",]
    assert ("stage_seconds", "ingest") in failed
    with monitoring.watched(readable):
        pass
    assert said(readable)["last_failure_timestamp_seconds",] == failed["last_failure_timestamp_seconds",]


def test_a_first_night_that_failed_and_a_damaged_warehouse(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = Home.at(tmp_path / "home")
    home.warehouse.write_bytes(b"no database" * 1000)
    monitoring.note(home, {}, failed=True)
    values = said(home)
    assert {name for name, *_ in values} == {
        "last_night_success", "last_success_timestamp_seconds", "last_failure_timestamp_seconds",
    }  # fmt: skip
    assert "leaves out what was loaded" in caplog.text


def test_what_cannot_be_written_ends_no_night(readable: Home, caplog: pytest.LogCaptureFixture) -> None:
    readable.metrics.mkdir()
    with monitoring.watched(readable):
        pass
    assert f"{readable.metrics} cannot be written" in caplog.text
    assert not [path for path in readable.root.iterdir() if path.name.startswith(".metrics")]


def test_a_file_of_before_that_is_no_such_file(readable: Home) -> None:
    readable.metrics.write_bytes(b"recengine_last_success_timestamp_seconds x\n\xff recengine_up 1\n")
    monitoring.note(readable, {}, failed=True)
    assert said(readable)["last_success_timestamp_seconds",] == 0


def test_names_cannot_break_the_format(readable: Home) -> None:
    with warehouse(readable.warehouse) as con:
        con.execute("UPDATE scores.origin SET dataset = 'a\"b\\c' || chr(10) || 'd{e=\"f\"} 1'")
        publish.publish(con, readable, force=True)
    monitoring.note(readable, {}, failed=False)
    [about] = [name[1:] for name in said(readable) if name[0] == "publication_info"]
    assert about[1] == 'a"b\\c\nd{e="f"} 1'
    assert monitoring.confirmed(readable, str(current_version(readable))) > 0


def test_readers_may_read_it(readable: Home) -> None:
    monitoring.note(readable, {}, failed=False)
    assert readable.metrics.stat().st_mode & 0o777 == 0o640


def test_fresh_and_stale(readable: Home) -> None:
    scored = sql(readable, "SELECT epoch(generated_at) AS at FROM publication")["at"][0]
    later = datetime.fromtimestamp(scored, UTC) + timedelta(hours=30)
    old = freshness.freshness(readable, timedelta(hours=26), later)
    assert old.stale
    assert old.sentence.startswith(
        f"Stale: version {current_version(readable)} of generated was up to date 30.0 hours ago"
    )
    assert "26.0 hours are allowed" in old.sentence
    assert not freshness.freshness(readable, timedelta(hours=31), later).stale


def test_a_night_that_found_nothing_new_keeps_it_fresh(
    readable: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.time() + 40 * 3600
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: later)
        monitoring.note(readable, {}, failed=False)
    now = datetime.fromtimestamp(later, UTC) + timedelta(hours=1)
    assert freshness.freshness(readable, timedelta(hours=2), now).age_seconds == pytest.approx(3600)


def test_a_kept_night_on_new_data_does_not(readable: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with warehouse(readable.warehouse) as con:
        con.execute("UPDATE ops.dataset SET input_fingerprint = 'newer'")
    later = time.time() + 40 * 3600
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: later)
        monitoring.note(readable, {}, failed=False)
    assert said(readable)["last_success_timestamp_seconds",] == pytest.approx(later)
    assert freshness.freshness(readable, timedelta(hours=2), datetime.fromtimestamp(later, UTC)).stale


def test_another_version_is_not_confirmed_by_that_of_before(home: Home) -> None:
    published(home)
    monitoring.note(home, {}, failed=False)
    published(home)
    assert monitoring.confirmed(home, str(current_version(home))) == 0


@pytest.mark.parametrize(("text", "minutes"), [("90m", 90), ("26h", 1560), ("3d", 4320), (" 1.5h ", 90)])
def test_ages(text: str, minutes: int) -> None:
    assert freshness.age_of(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "26", "h", "-3d", "1 week", "0h", "3D", "9999999h", "1e3h"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(BadInput, match="such as 90m, 26h or 3d"):
        freshness.age_of(text)


def test_nothing_published_is_not_stale_but_not_ready(tmp_path: Path) -> None:
    with pytest.raises(NotReady):
        freshness.freshness(Home.at(tmp_path / "home"), timedelta(hours=1))
