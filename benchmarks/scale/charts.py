"""Two charts beside the pages: cost against size, and time against quality."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.report import FOLDER
from benchmarks.scale.peers import NAMES
from benchmarks.scale.sizes import SIZES

mpl.use("Agg")
mpl.rcParams["svg.hashsalt"] = "recengine"  # the same figures give the same file


def growth(lines: dict[str, dict[str, float]]) -> None:
    """Seconds against ratings, one line per stage, both axes logarithmic."""
    figure, axes = plt.subplots(figsize=(7, 4.5))
    for name, line in lines.items():
        sizes = [size for size in SIZES if size in line]
        ratings = [SIZES[size].ratings for size in sizes]
        style: dict[str, Any] = {"linewidth": 2.5, "color": "black"} if name == "whole night" else {}
        axes.plot(ratings, [line[size] for size in sizes], marker="o", label=name, **style)
    low, high = SIZES["100k"].ratings, SIZES["25m"].ratings
    axes.plot([low, high], [0.2, 0.2 * high / low], linestyle=":", color="grey", label="linear growth")
    axes.set(xscale="log", yscale="log", xlabel="ratings", ylabel="seconds", title="Cost against size")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, "scale_growth")


def time_and_quality(peers: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Seconds from raw files to top 20 against nDCG@10, one panel per size; upper left is best."""
    figure, panels = plt.subplots(1, len(peers), figsize=(4 * len(peers) + 2, 4), squeeze=False)
    names = [name for name in NAMES if any("ndcg@10" in found.get(name, {}) for found in peers.values())]
    for axes, (size, found) in zip(panels[0], peers.items(), strict=True):
        for number, name in enumerate(names):
            figures = found.get(name, {})
            if "ndcg@10" not in figures:
                continue
            marker = "*" if name.startswith("recengine") else "o"
            points = ([figures["seconds"]], [figures["ndcg@10"]])
            axes.scatter(*points, color=f"C{number}", marker=marker, s=90, label=name)
        axes.set(xscale="log", xlabel="seconds, raw files to top 20", ylabel="nDCG@10", title=f"ml-{size}")
        for axis in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            axis(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "125" else ""))
        axes.margins(0.15)
        axes.grid(alpha=0.3)
    handles: dict[str, Any] = {}
    for axes in panels[0]:
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend([*handles.values()], [*handles], loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    _save(figure, "scale_peers")


def _save(figure: Figure, name: str) -> None:
    figure.tight_layout()
    figure.savefig(FOLDER / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
