"""The first and the second night of two revisions of the code in one run: their ratios, not seconds, decide."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks.report import markdown, write
from benchmarks.scale import night
from benchmarks.scale.process import ROOT
from benchmarks.scale.results import Results, state_of_the_code
from benchmarks.scale.sizes import SIZES, data_of

Figures = dict[str, Any]
NIGHTS = ("first", "second")


def measure(results: Results, sizes: list[str], revision: str, cache: Path) -> None:
    """Measure what is not there yet, at each size, and write the page."""
    name = _commit(revision)
    found: dict[str, dict[str, Figures]] = {}
    for size in sizes:
        data = data_of(SIZES[size], cache)
        found[size] = {}
        for code in (name, "this"):
            home, files = (cache / "scratch" / f"against-{kind}-{size}" for kind in ("home", "files"))
            root = ROOT if code == "this" else _checked_out(name, cache / "scratch" / f"code-{name}")
            both = partial(_both_nights, data, home, files, root, cache)
            found[size][code] = results.measured(f"against {code}", size, both)
    _write(name, found)


def _both_nights(data: Path, home: Path, files: Path, root: Path, cache: Path) -> Figures:
    """After a night on little data, which compiles the loops of a fresh copy of the code, as an installation does."""
    night.whole(data_of(SIZES["100k"], cache), home, root)
    return night.again(data, home, files, None, root)


def table(then: Figures, now: Figures) -> str:
    """Seconds of both codes and their ratio: each night whole, and what it consists of."""
    rows = []
    for which in NIGHTS:
        old, new = then[which], now[which]
        rows.append(_row(f"**{which} night**", old["seconds"], new["seconds"]))
        parts = dict.fromkeys([*old["inside"], *new["inside"]])
        rows += [_row(part, old["inside"].get(part, 0), new["inside"].get(part, 0)) for part in parts]
        rows.append(_row("beside the stages", old["beside"]["total"], new["beside"]["total"]))
        rows.append(_row("peak GiB", old["rss_gib"], new["rss_gib"]))
    return markdown(("seconds", "then", "now", "now / then"), rows)


def _row(name: str, then: float, now: float) -> list[str]:
    return [name, f"{then:.1f}", f"{now:.1f}", f"{now / then:.2f}" if then else ""]


def _write(name: str, found: dict[str, dict[str, Figures]]) -> None:
    tables = []
    for size, codes in found.items():
        then, now = codes[name], codes["this"]
        judged = [
            f"{who}: {'; '.join(code['first']['judged'])}" for who, code in (("then", then), ("now", now))
        ]
        title = f"## ml-{size}: {SIZES[size].ratings:,} ratings"
        tables.append(f"{title}\n\n{table(then, now)}\n\nJudged in the first night: {'. '.join(judged)}.")
    note = (
        f"`recengine run --top-n {night.TOP_N}` through Prefect on a fresh home, then again after "
        f"{night.NEW_SHARE:.1%} new ratings: with the code of commit `{name}` and with that of "
        f"`{state_of_the_code()}`, one after the other on one machine, nothing else running, "
        "loops compiled by a night on 100,000 ratings before. A part that logs no "
        "seconds in a night counts 0."
    )
    command = f"python -m benchmarks.scale --against {name}"
    write("scale_against", "Scale: this code against an earlier one", [note], tables, found, command=command)


def _commit(revision: str) -> str:
    asked = ["git", "rev-parse", "--short=12", "--verify", "--quiet", f"{revision}^{{commit}}"]
    answer = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SystemExit(f"git knows no revision {revision!r}.")
    return answer.stdout.strip()


def _checked_out(commit: str, folder: Path) -> Path:
    """The commit's files in a folder of their own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as files:
        files.extractall(folder, filter="data")
    return folder
