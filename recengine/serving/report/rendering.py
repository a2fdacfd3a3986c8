"""The morning's page as HTML, from ``templates/report.html.j2``."""

from __future__ import annotations

import logging
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
from recengine.serving.report.rules import RULE_HEADER, rule_rows
from recengine.serving.report.variants import VARIANT_HEADER, variant_rows

log = logging.getLogger(__name__)

_ABOUT = ("dataset", "model_id", "top_n", "users", "recommendations", "generated_at", "input_fingerprint")


def write(con: duckdb.DuckDBPyConnection, home: Home, keep: int = NIGHTS) -> Path:
    """Write the page to ``reports/<version>.html`` and drop the oldest; returns its path."""
    facts = gather(con, home)
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
    made.filters["cell"] = lambda value: f"{value:,}" if isinstance(value, int) else value
    return made


def _history_row(entry: dict[str, Any]) -> tuple[Any, ...]:
    figures = (entry["metrics"].get(name) for name in METRICS)
    shown = ("" if v is None else f"{v:.4f}" for v in figures)
    return entry["version"], entry["model_id"], *shown, measured(entry["metrics"])
