"""How large a year of nights gets: 30 nights on 100,000 ratings through a real ``recengine serve``.

Every night 0.1 % new ratings arrive, so that each one trains and publishes. What grows is extrapolated to a
year night by night, up to the age at which the settings prune it. ``--sweeps`` shortens the stars' chain of
the refit, which changes the time a night takes and not the size of anything it writes.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.report import markdown, write
from recengine.config import Home
from recengine.synthetic.generator import GeneratorConfig, generate

RATINGS, NEW_SHARE = 100_000, 0.001
YEAR = 365
# Nights before what grows has settled into its rhythm.
WARM_UP = 10
READY_SECONDS = 180.0


def main() -> None:
    """Run the nights and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument(
        "--sweeps", type=int, default=60, help="of the stars' chain; the default model has 800"
    )
    parser.add_argument("--port", type=int, default=4299)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recengine-year-") as folder:
        home = Home.at(Path(folder) / "home")
        os.environ["RECENGINE_HOME"] = str(home.root)
        rows = releases(Path(folder) / "ml-100k-shaped", options.nights)
        with served(home, options.port):
            sizes = run_nights(home, Path(folder) / "ml-100k-shaped", rows, options.sweeps)
            caps = kept_nights()
    publish_page(sizes, caps, options.nights, options.sweeps)


def releases(folder: Path, nights: int) -> list[list[str]]:
    """Generate the release; returns the rating lines that each night adds, oldest first."""
    new = round(RATINGS * NEW_SHARE)
    generate(
        folder, GeneratorConfig(layout="ml-100k", users=943, movies=1682, ratings=RATINGS + nights * new)
    )
    lines = (folder / "u.data").read_text().splitlines(keepends=True)
    lines.sort(key=lambda line: int(line.split("\t")[3]))
    (folder / "u.data").write_text("".join(lines[:RATINGS]))
    return [lines[RATINGS + night * new : RATINGS + (night + 1) * new] for night in range(nights)]


@contextmanager
def served(home: Home, port: int) -> Iterator[None]:
    """``recengine serve`` on the home; its worker idles, its server keeps what a real one keeps."""
    command = [sys.executable, "-c", "from flows.cli import main; main()", "serve", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            last = time.monotonic() + READY_SECONDS
            while not (home.prefect / "worker.log").exists():
                if process.poll() is not None or time.monotonic() > last:
                    raise SystemExit("recengine serve did not start.")
                time.sleep(1)
            yield
        finally:
            process.send_signal(signal.SIGINT)


def run_nights(home: Home, source: Path, added: list[list[str]], sweeps: int) -> list[dict[str, int]]:
    """Run the nightly flow after each night's new ratings; returns the sizes in bytes after every night."""
    from flows.server import local

    local.settle(home)
    os.environ["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] = "30"
    from flows.nightly import nightly
    from recengine.models.hybrid import HybridConfig
    from recengine.models.parts.bayesian_mf import BayesianMFConfig

    HybridConfig.model_fields["stars"].default = BayesianMFConfig(sweeps=sweeps)
    HybridConfig.model_rebuild(force=True)
    assert HybridConfig().stars.sweeps == sweeps
    sizes = []
    for night, lines in enumerate(added, 1):
        with (source / "u.data").open("a") as file:
            file.writelines(lines)
        began = time.monotonic()
        state = nightly(source=str(source), force=True, return_state=True)
        if state.name != "Published":
            raise SystemExit(f"Night {night} ended as {state.name}: {state.message}")
        sizes.append(sizes_of(home))
        print(
            f"night {night}: {sum(sizes[-1].values()) / 1e6:.1f} MB, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    return sizes


def sizes_of(home: Home) -> dict[str, int]:
    """Bytes by what they are for."""
    return {
        "published versions": _bytes(home.serving),
        "models": _bytes(home.models) - _bytes(home.models / "judgements"),
        "judgements": _bytes(home.models / "judgements"),
        "warehouse": sum(path.stat().st_size for path in home.root.glob("warehouse.duckdb*")),
        "snapshot": _bytes(home.snapshots),
        "morning pages": _bytes(home.reports),
        "Prefect's database": sum(path.stat().st_size for path in home.prefect.glob("prefect.db*")),
        "Prefect's results": _bytes(home.prefect / "storage"),
        "Prefect's UI": _bytes(home.prefect / "ui"),
        "logs": sum(path.stat().st_size for path in home.prefect.glob("*.log")),
    }


def kept_nights() -> dict[str, int]:
    """After how many nights the settings prune what grows with every night."""
    from flows.server.settings import KEEP_RUNS_DAYS
    from recengine.knobs.stages import RetentionConfig
    from recengine.serving.report import NIGHTS

    results = RetentionConfig().results_days
    return {
        "Prefect's database": KEEP_RUNS_DAYS,
        "Prefect's results": results,
        "judgements": results,
        "morning pages": NIGHTS,
    }


def publish_page(sizes: list[dict[str, int]], caps: dict[str, int], nights: int, sweeps: int) -> None:
    """The table by part: after the last night, per night, after a year."""
    x = np.arange(WARM_UP, nights) if nights > WARM_UP + 2 else np.arange(nights)
    rows, total, data = [], 0.0, {}
    for name, last in sizes[-1].items():
        series = np.array([size[name] for size in sizes], dtype=float)
        per_night = max(float(np.polyfit(x, series[x], 1)[0]), 0.0)
        cap = caps.get(name, YEAR)
        year = last + per_night * max(min(cap, YEAR) - nights, 0)
        total += year
        data[name] = {
            "first": series[0],
            "last": last,
            "per_night": per_night,
            "cap_nights": cap,
            "year": year,
        }
        rows.append(
            (
                name,
                f"{last / 1e6:.1f}",
                f"{per_night / 1e6:.3f}",
                cap if name in caps else "",
                f"{year / 1e6:.0f}",
            )
        )
    rows.append(("all", f"{sum(sizes[-1].values()) / 1e6:.1f}", "", "", f"**{total / 1e6:.0f}**"))
    header = (
        "part",
        f"MB after {nights} nights",
        "MB more per night",
        "pruned after nights",
        "MB after a year",
    )
    notes = [
        f"Generated, shaped as ml-100k: {RATINGS:,} ratings and {round(RATINGS * NEW_SHARE)} new ones every night, "
        f"each night published by the default model, its stars' chain cut to {sweeps} sweeps "
        "(the files keep their size). The source files are not counted.",
        f"The line through nights {x[0] + 1} to {nights} is drawn on to the night on which the settings prune, "
        "or to the year's end.",
    ]
    write("year", "A year of nights on disk", notes, [markdown(header, rows)], {"parts": data, "year": total})


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
