"""The curves of what variety costs, as rows, as a picture and as a page of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from recengine.errors import BadInput
from recengine.evaluation.tradeoff import PLAIN, Tradeoff
from recengine.runtime.durable import new_file
from recengine.serving.escaping import for_html
from recengine.serving.report import charts

KINDS = (".html", ".svg")
FIGURES = ("ndcg", "coverage", "intra_list_diversity", "miscalibration", "gini")
READ = ("switch", "weight", "nDCG", "change", "shown", "coverage", "diversity", "miscal.", "Gini", "s")


def checked_path(path: Path) -> Path:
    """A file that ``write`` can write.

    Raises
    ------
    BadInput
        It ends otherwise, or its folder is not there.
    """
    if path.suffix.lower() not in KINDS:
        raise BadInput(
            f"{path} ends neither in {' nor in '.join(KINDS)}; give the drawing one of these endings."
        )
    if not path.absolute().parent.is_dir():
        raise BadInput(f"{path.absolute().parent} is no folder; make it first, or draw somewhere else.")
    return path


def rows_of(found: Tradeoff) -> list[dict[str, Any]]:
    """The plain lists and every point, for programs; None where a figure is not defined."""
    rows = [_row(found, PLAIN, None, found.plain, None, found.plain_shown, found.plain_seconds)]
    for point in found.points:
        price = point.price
        about = (price.changed, price.ndcg_change, point.shown, point.seconds)
        rows.append(_row(found, point.switch, point.weight, *about))
    return rows


def cells_of(found: Tradeoff) -> list[tuple[str, ...]]:
    """The same to read, with the columns ``READ``: the change of nDCG and its interval as shares of it."""
    return [_cells(row, found.plain[f"ndcg@{found.k}"]) for row in rows_of(found)]


def write(found: Tradeoff, path: Path) -> None:
    """Write the page, or the picture alone, by the file's ending."""
    picture = charts.tradeoff(found)
    text = str(picture)
    if path.suffix.lower() == ".html":
        template = _environment().get_template("tradeoff.html.j2")
        text = template.render(found=found, chart=picture, header=READ, rows=cells_of(found))
    with new_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _row(
    found: Tradeoff,
    switch: str,
    weight: float | None,
    figures: dict[str, float],
    change: tuple[float, float, float] | None,
    shown: int,
    seconds: float,
) -> dict[str, Any]:
    named = {name: figures.get(f"{name}@{found.k}") for name in FIGURES}
    ends = dict(zip(("ndcg_change", "low", "high"), change or (None,) * 3, strict=True))
    return {"switch": switch, "weight": weight, **named, **ends, "movies_shown": shown, "seconds": seconds}


def _cells(row: dict[str, Any], ndcg: float) -> tuple[str, ...]:
    change = ""
    if row["ndcg_change"] is not None:
        mean, low, high = (100 * row[name] / (ndcg or 1) for name in ("ndcg_change", "low", "high"))
        change = f"{mean:+.1f}% [{low:+.1f}, {high:+.1f}]"
    first, *others = ("" if row[name] is None else f"{row[name]:.4f}" for name in FIGURES)
    weight = "" if row["weight"] is None else f"{row['weight']:g}"
    shown = f"{row['movies_shown']:,}"
    return (row["switch"], weight, first, change, shown, *others, f"{row['seconds']:.2f}")


def _environment() -> Environment:
    loader = PackageLoader("recengine.serving")
    return Environment(
        loader=loader, autoescape=True, finalize=for_html, undefined=StrictUndefined, trim_blocks=True
    )
