"""Charts in an artifact's Markdown: PNG within the text, which both of Prefect's interfaces draw.

A mermaid block is raw text in the first interface and pale yellow in the second; SVG is left out by both.
Both have been looked at in a browser (``tests/flows/server/test_browser.py``). What a chart shows stands in a table
beside it too, for an interface that leaves pictures out.
"""

from __future__ import annotations

import base64
import io
from typing import Any

from matplotlib.figure import Figure

from recengine.serving.report import charts

INCHES, DPI = (6.0, 2.6), 110  # 660 pixels: the second interface shows 470 of them, and words stay readable
ROWS = 10


def of_training(history: list[dict[str, float]]) -> str:
    """The loss curve of a model that was trained step by step."""
    figure = charts.training_figure(history)
    figure.set_size_inches(INCHES)
    return _drawn(figure, "What training logged per step")


def of_metrics(history: list[dict[str, Any]]) -> str:
    """The metrics of the last publications, oldest first; nothing where there is nothing to compare."""
    if len(history) < 2:
        return ""
    figure = charts.metrics_figure(history, rows=2)
    figure.set_size_inches(INCHES[0], 1.5 * INCHES[1])
    return _drawn(figure, "Metrics, oldest first")


def spread(length: int, rows: int = ROWS) -> list[int]:
    """At most ``rows`` positions of a list of this length, evenly spread, with its first and its last."""
    return list(range(length)) if length <= rows else [at * (length - 1) // (rows - 1) for at in range(rows)]


def _drawn(figure: Figure, said: str) -> str:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    return f"![{said}](data:image/png;base64,{base64.b64encode(out.getvalue()).decode()})"
