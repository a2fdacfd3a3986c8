"""Two charts beside the pages: cost against size, and time against quality."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from benchmarks.report import FOLDER
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
    axes.legend(fontsize=8)
    _save(figure, "scale_growth")


def time_and_quality(peers: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Seconds from raw files to top 20 against nDCG@10, one panel per size; upper left is best."""
    figure, panels = plt.subplots(1, len(peers), figsize=(4.5 * len(peers), 4), squeeze=False)
    for axes, (size, found) in zip(panels[0], peers.items(), strict=True):
        for name, figures in found.items():
            if "ndcg@10" not in figures:
                continue
            ours = name.startswith("recengine")
            axes.scatter(figures["seconds"], figures["ndcg@10"], color="crimson" if ours else "steelblue")
            label = name.removeprefix("pandas + ").replace(", ", ",\n")
            axes.annotate(
                label,
                (figures["seconds"], figures["ndcg@10"]),
                (4, 4),
                textcoords="offset points",
                fontsize=7,
            )
        axes.set(xscale="log", xlabel="seconds, raw files to top 20", ylabel="nDCG@10", title=f"ml-{size}")
        axes.margins(0.25)
        axes.grid(alpha=0.3)
    _save(figure, "scale_peers")


def _save(figure: Figure, name: str) -> None:
    figure.tight_layout()
    figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)
