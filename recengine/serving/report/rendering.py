"""The morning's page as HTML, from ``templates/report.html.j2``."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined

from recengine.config import Home
from recengine.runtime.durable import new_file
from recengine.serving.escaping import for_html
from recengine.serving.report import charts
from recengine.serving.report.facts import METRICS, NIGHTS, Facts, gather, load_rows, measured
from recengine.serving.report.prices import PRICE_HEADER, price_rows
from recengine.serving.report.ranges import INPUT_HEADER, SECONDS_HEADER, input_rows, seconds_rows
from recengine.serving.report.rules import RULE_HEADER, rule_rows
from recengine.serving.report.variants import VARIANT_HEADER, variant_rows
from recengine.serving.versions import current_publication
from recengine.warehouse.history import inputs

log = logging.getLogger(__name__)

_FIGURE = re.compile(r"[-+]?[\d,]+(\.\d+)?")
_ABOUT = ("dataset", "model_id", "top_n", "users", "recommendations", "generated_at", "input_fingerprint")


def write(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    keep: int = NIGHTS,
    seconds: Mapping[str, float] | None = None,
) -> Path:
    """Write the page to ``reports/<version>.html`` and drop the oldest; returns its path.

    ``seconds`` are of the stages of the night under way; its input is noted for later nights to look back on.
    """
    if seen := current_publication(home):
        inputs.note(con, seen.input_fingerprint)
    facts = gather(con, home, seconds)
    home.reports.mkdir(mode=0o750, exist_ok=True)
    path = home.reports / f"{facts.publication['version']}.html"
    with new_file(path) as partial:
        partial.write_text(page(facts), encoding="utf-8")
    for old in sorted(home.reports.glob("*.html"))[:-keep]:
        old.unlink()
    log.info("report: %s, %.2f MB", path, path.stat().st_size / 1e6)
    return path


def page(facts: Facts) -> str:
    """A publication's facts as one HTML page; every text from the data is escaped."""
    about = facts.publication
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            facts=facts,
            about=[(name.replace("_", " "), about[name]) for name in _ABOUT if name in about],
            short=_short(facts),
            inputs=input_rows(facts.inputs),
            input_header=INPUT_HEADER,
            seconds=seconds_rows(facts.seconds, facts.nights),
            seconds_header=SECONDS_HEADER,
            rows_in=load_rows(facts),
            metrics=METRICS,
            history=[_history_row(entry) for entry in facts.history],
            prices=price_rows(about),
            price_header=PRICE_HEADER,
            rules=rule_rows(facts.rules, about),
            rule_header=RULE_HEADER,
            variants=variant_rows(facts.compared),
            variant_header=VARIANT_HEADER,
            charts=charts,
        )
    )


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("recengine.serving"),
        autoescape=True,
        finalize=for_html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["cell"] = _cell
    made.tests["figure"] = lambda value: bool(_FIGURE.fullmatch(_cell(value)))
    return made


def _cell(value: Any) -> str:
    """A value as people read it: numbers with separators, times to the second."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _short(facts: Facts) -> list[tuple[str, str]]:
    """What the lists are like, in a few figures."""
    told, users = facts.short, facts.publication["users"]
    rows = []
    if told.get("users_changed") is not None:
        changed = told["users_changed"]
        rows.append(("lists changed", f"{changed:,} of {users:,} users"))
    if told.get("movies"):
        share = told["movies_in_a_list"] / told["movies"]
        rows.append(
            ("movies in any list", f"{told['movies_in_a_list']:,} of {told['movies']:,} ({share:.0%})")
        )
    if told.get("genres_a_list") is not None:
        rows.append(("genres a list, on average", f"{told['genres_a_list']:.1f}"))
    return rows


def _history_row(entry: dict[str, Any]) -> tuple[Any, ...]:
    figures = (entry["metrics"].get(name) for name in METRICS)
    shown = ("" if v is None else f"{v:.4f}" for v in figures)
    return entry["version"], entry["model_id"], *shown, measured(entry["metrics"])
