"""The charts of the morning's page, as SVG that stands in it: nothing is loaded from anywhere."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from recengine.evaluation.tradeoff import Tradeoff
from recengine.outcomes.trend import DAYS, LEAST_USERS, Day, expected
from recengine.serving.report.facts import METRICS
from recengine.warehouse.history.trials import Trial


def metrics_over_time(history: list[dict[str, Any]]) -> Markup:
    """A small chart per metric, over the last publications, oldest first."""
    return _svg(metrics_figure(history))


def metrics_figure(history: list[dict[str, Any]], rows: int = 1) -> Figure:
    """The same as a figure, for whoever draws it otherwise than as SVG."""
    figure = Figure(figsize=(9, 2.4), layout="constrained")
    for axes, name in zip(figure.subplots(rows, len(METRICS) // rows).flat, METRICS, strict=True):
        values = [entry["metrics"].get(name) for entry in history]
        axes.plot(range(1, len(values) + 1), [float("nan") if v is None else v for v in values], "o-", ms=3)
        axes.set_title(name, fontsize=9)
        axes.set_xticks([])
        axes.set_xlabel("publications, oldest first", fontsize=7)
        axes.tick_params(labelsize=8)
    return figure


def hit_rates(days: Sequence[Day]) -> Markup:
    """The live hit rate day by day, with where each was expected after those before it."""
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    enough = [day for day in days if day.users >= LEAST_USERS]
    for at, day in enumerate(enough):
        usual = expected(enough[max(at - DAYS, 0) : at], day.shown)
        if usual is not None:
            axes.plot([str(day.day)] * 2, usual[1:], color="#aab4be", lw=4, alpha=0.6)
    axes.plot([str(day.day) for day in days], [day.rate for day in days], "o-", ms=3)
    axes.set_title(
        "Share of the listed movies that were rated that day; grey: where it was expected", fontsize=9
    )
    axes.set_ylim(bottom=0)
    axes.tick_params(axis="x", labelsize=7, rotation=60)
    return _svg(figure)


def training_curve(curve: list[dict[str, float]]) -> Markup:
    """What training logged per step."""
    return _svg(training_figure(curve))


def training_figure(curve: list[dict[str, float]]) -> Figure:
    """The same as a figure, for whoever draws it otherwise than as SVG."""
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    for name in (name for name in curve[0] if name != "step"):
        values = [entry.get(name, float("nan")) for entry in curve]
        axes.plot([entry["step"] for entry in curve], values, label=name)
    axes.set_xlabel("step", fontsize=8)
    axes.legend(fontsize=8)
    return figure


def trials(tried: list[Trial]) -> Markup:
    """What each trial of a tuning gained, with its standard error; above the line is better."""
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    for kept, label in ((False, "tried"), (True, "what left its default")):
        chosen = [trial for trial in tried if trial.kept == kept]
        errors = [trial.standard_error if math.isfinite(trial.standard_error) else 0.0 for trial in chosen]
        gains = [trial.gain for trial in chosen]
        axes.errorbar([trial.number for trial in chosen], gains, errors, fmt="o", ms=3, lw=0.8, label=label)
    axes.axhline(0, color="#57606a", lw=0.8)
    axes.set_xlabel("trial", fontsize=8)
    axes.set_title(f"Gain in {tried[0].metric} over the recipe so far", fontsize=9)
    axes.legend(fontsize=8)
    return _svg(figure)


def coverage_and_popularity(popularity: list[dict[str, float]]) -> Markup:
    """Per tenth of the catalogue, most rated first: shares of ratings and lists, and coverage."""
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    tenths = [row["tenth"] for row in popularity]
    left.plot(tenths, [row["share_of_ratings"] for row in popularity], "o-", ms=3, label="of ratings")
    left.plot(tenths, [row["share_of_lists"] for row in popularity], "o-", ms=3, label="of recommendations")
    left.set_title("Share by tenth of the catalogue (1: most rated)", fontsize=9)
    left.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xlabel("tenth of the catalogue", fontsize=8)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    left.legend(fontsize=8)
    right.bar(tenths, [row["coverage"] for row in popularity])
    right.set_ylim(0, 1)
    right.set_title("Share of the tenth's movies in any list", fontsize=9)
    return _svg(figure)


def genre_mix(genres: list[dict[str, Any]]) -> Markup:
    """Per genre its share of what people rated and of what is recommended."""
    figure = Figure(figsize=(9, 0.8 + 0.3 * len(genres)), layout="constrained")
    axes = figure.subplots()
    places = range(len(genres))
    for at, name, label in (
        (-0.2, "share_of_ratings", "of ratings"),
        (0.2, "share_of_lists", "of recommendations"),
    ):
        axes.barh([place + at for place in places], [row[name] for row in genres], 0.38, label=label)
    axes.set_yticks(list(places), [row["genre"].replace("$", r"\$") for row in genres], fontsize=8)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlim(left=0)
    axes.set_title("Share by genre, those rated most", fontsize=9)
    axes.legend(fontsize=8)
    return _svg(figure)


def tradeoff(found: Tradeoff) -> Markup:
    """Four pictures of what a change of nDCG buys: a line per switch, a dot per weight."""
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    names = {"coverage": "movies shown", "intra_list_diversity": "intra-list diversity"}
    figures = ("coverage", "intra_list_diversity", "miscalibration", "gini")
    for axes, name in zip(figure.subplots(2, 2).flat, figures, strict=True):
        key, unit = f"{name}@{found.k}", found.movies if name == "coverage" else 1
        if key in found.plain:
            for switch in dict.fromkeys(point.switch for point in found.points):
                _curve(axes, found, switch, key, unit)
            axes.plot([0], [unit * found.plain[key]], "kx")
            axes.legend(fontsize=8)
        axes.set_title(f"{names.get(name, name)} by change of nDCG@{found.k}", fontsize=9)
        axes.tick_params(labelsize=8)
    return _svg(figure)


def _curve(axes: Axes, found: Tradeoff, switch: str, key: str, unit: float) -> None:
    """One switch's figure at rising weights, from where none is on, with intervals of the change of nDCG."""
    points = [point for point in found.points if point.switch == switch]
    changes = [point.price.ndcg_change for point in points]
    across = [mean for mean, _, _ in changes]
    up = [unit * point.price.changed[key] for point in points]
    reach = [[abs(change[end] - change[0]) for change in changes] for end in (1, 2)]
    axes.plot([0, *across], [unit * found.plain[key], *up], lw=0.8, color="#aab4be")
    axes.errorbar(across, up, xerr=reach, fmt="o", ms=4, lw=0.6, label=switch)
    for point, x, y in zip(points, across, up, strict=True):
        axes.annotate(f"{point.weight:g}", (x, y), (3, 3), textcoords="offset points", fontsize=7)


def _svg(figure: Figure) -> Markup:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return Markup(out.getvalue()[out.getvalue().index("<svg") :])
