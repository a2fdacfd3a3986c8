"""What monitors read: ``metrics.prom`` in the home, in Prometheus' text format, written whole after each night.

It also remembers what no table does: when a night last ended well, and when one did not.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import duckdb

from recengine.config import Home
from recengine.errors import NotReady, RecengineError
from recengine.runtime import access
from recengine.runtime.durable import new_file
from recengine.serving.queries import serving
from recengine.serving.versions import Publication, path_of, publication_in
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import warehouse
from recengine.warehouse.history import contents

log = logging.getLogger(__name__)

PREFIX = "recengine_"
SUCCESS, FAILURE, CONFIRMED = (
    "last_success_timestamp_seconds",
    "last_failure_timestamp_seconds",
    "up_to_date_timestamp_seconds",
)
_HELP = {
    "last_night_success": "Whether the last night ended well: published, kept the tables, or found nothing new.",
    SUCCESS: "When a night last ended well; 0: never.",
    FAILURE: "When a night last failed; 0: never.",
    "stage_seconds": "Seconds that the last night spent in each stage it reached; a retry counts what it did anew.",
    "publication_info": "What readers see; the value is always 1.",
    "publication_timestamp_seconds": "When the published lists were scored.",
    "publication_age_seconds": "How old they were when this file was written; see the timestamp for now.",
    CONFIRMED: "When the published lists were scored, or a night last found their data unchanged.",
    "publication_bytes": "Size of the published file.",
    "table_rows": "Rows of each published table.",
    "quality": "What was measured of the published model, by metric.",
    "quarantined_rows": "Rows of the last load that could not be used.",
}
_SAMPLE = re.compile(rf"{PREFIX}(\w+)(?:{{(.*)}})? (\S+)")

Labels = tuple[tuple[str, str], ...]


class Sample(NamedTuple):
    """One value of a metric, told from its others by labels."""

    metric: str
    value: float
    labels: Labels = ()


class Watch:
    """What a night did: seconds of its stages, in the order in which they ended."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Note that a stage ended, which began when the one before it did."""
        now = time.perf_counter()
        self.seconds[stage], self._since = now - self._since, now


@contextmanager
def watched(home: Home) -> Iterator[Watch]:
    """Write ``metrics.prom`` when the block ends, well or not. That it cannot be written ends no night."""
    watch = Watch()
    try:
        yield watch
    except Exception:
        note(home, watch.seconds, failed=True)
        raise
    note(home, watch.seconds, failed=False)


def note(home: Home, seconds: Mapping[str, float], *, failed: bool) -> None:
    """Write what a night left, or say in a line why that cannot be done.

    Parameters
    ----------
    home : Home
    seconds : mapping of str to float
        Of each stage it reached.
    failed : bool
    """
    try:
        text = "".join(_lines(_samples(home, seconds, failed=failed)))
        with new_file(home.metrics) as partial:
            partial.write_text(text, encoding="utf-8")
            partial.chmod(0o600)
        access.share(home.root)
    except (RecengineError, OSError, duckdb.Error) as error:
        log.warning("%s cannot be written: %s", home.metrics, error)


def confirmed(home: Home, version: str) -> float:
    """Seconds since 1970 when a version was last found up to date, as far as a night has said; else 0."""
    found = _earlier(home)
    same = any(name == "publication_info" and ("version", version) in labels for name, _, labels in found)
    return _value(found, CONFIRMED) if same else 0.0


def _samples(home: Home, seconds: Mapping[str, float], *, failed: bool) -> Iterator[Sample]:
    now, earlier = time.time(), _earlier(home)
    yield Sample("last_night_success", 0 if failed else 1)
    yield Sample(SUCCESS, _value(earlier, SUCCESS) if failed else now)
    yield Sample(FAILURE, now if failed else _value(earlier, FAILURE))
    yield from (Sample("stage_seconds", value, (("stage", stage),)) for stage, value in seconds.items())
    quarantined, newest = _loaded(home)
    if quarantined is not None:
        yield Sample("quarantined_rows", quarantined)
    try:
        yield from _published(home, now, None if failed else newest)
    except NotReady:  # the first night failed
        return


def _published(home: Home, now: float, newest: str | None) -> Iterator[Sample]:
    """What readers see; it is up to date where its data is the ``newest``."""
    with serving(home) as con:
        seen: Publication = publication_in(con)
        [(scored,)] = con.execute("SELECT epoch(generated_at) FROM publication").fetchall()
        tables = sqlfiles.run(con, "reading/table_rows").fetchall()
    about = {"version": seen.version, "dataset": seen.dataset, "model": seen.model, "model_id": seen.model_id}
    yield Sample("publication_info", 1, tuple(about.items()))
    yield Sample("publication_timestamp_seconds", scored)
    yield Sample("publication_age_seconds", max(now - scored, 0))
    up_to_date = now if seen.input_fingerprint == newest else confirmed(home, seen.version)
    yield Sample(CONFIRMED, max(scored, up_to_date))
    yield Sample("publication_bytes", path_of(home, seen.version).stat().st_size)
    yield from (Sample("table_rows", rows, (("table", table),)) for table, rows in tables)
    for metric, value in seen.metrics.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield Sample("quality", value, (("metric", metric),))


def _loaded(home: Home) -> tuple[int | None, str | None]:
    """Rows that the last load could not use, and the fingerprint of what is loaded; None where nobody can say."""
    if not home.warehouse.exists():
        return None, None
    try:
        with warehouse(home.warehouse, wait_seconds=0) as con:
            row = con.execute("SELECT arg_max(quarantined, started_at) FROM ops.loads").fetchone()
            return row[0] if row else None, contents.input_of(con)
    except (RecengineError, duckdb.Error) as error:  # damaged, perhaps what the night failed of
        log.warning("%s leaves out what was loaded: %s", home.metrics.name, error)
        return None, None


def _lines(samples: Iterator[Sample]) -> Iterator[str]:
    """Metric by metric, each with what it is."""
    by_metric: dict[str, list[Sample]] = {}
    for sample in samples:
        by_metric.setdefault(sample.metric, []).append(sample)
    for metric in filter(by_metric.__contains__, _HELP):
        yield f"# HELP {PREFIX}{metric} {_HELP[metric]}\n# TYPE {PREFIX}{metric} gauge\n"
        for _, value, labels in by_metric[metric]:
            told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
            yield f"{PREFIX}{metric}{f'{{{told}}}' if told else ''} {_number(value)}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(float(value)) if math.isfinite(value) else ("+Inf" if value > 0 else "-Inf")


def _earlier(home: Home) -> list[Sample]:
    """What the file said before; what cannot be read counts as not said."""
    try:
        text = home.metrics.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    samples = []
    for line in text.splitlines():
        if found := _SAMPLE.fullmatch(line):
            labels = tuple(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
            samples.append(Sample(found[1], _read(found[3]), labels))
    return samples


def _read(number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0


def _value(samples: list[Sample], metric: str) -> float:
    return next((value for name, value, _ in samples if name == metric), 0.0)
