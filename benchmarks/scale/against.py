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


def measure(results: Results, sizes: list[str], revision: str, cache: Path, leave_out: list[str]) -> None:
    """Measure what is not there yet, at each size, and write the page.

    With options to leave out what the earlier code does not do, this code's nights are measured with and without.
    """
    name = _commit(revision)
    found: dict[str, dict[str, Figures]] = {}
    for size in sizes:
        data = data_of(SIZES[size], cache)
        found[size] = {}
        for code in (name, "this", *(["this, less"] if leave_out else [])):
            home, files = (cache / "scratch" / f"against-{kind}-{size}" for kind in ("home", "files"))
            root = _checked_out(name, cache / "scratch" / f"code-{name}") if code == name else ROOT
            options = leave_out if code == "this, less" else []
            both = partial(_both_nights, data, home, files, root, options)
            found[size][code] = results.measured(f"against {code}", size, both)
    _write(name, found, " ".join(leave_out))


def _both_nights(data: Path, home: Path, files: Path, root: Path, options: list[str]) -> Figures:
    """After a night on little data, which compiles the loops of a fresh copy of the code, as an installation does."""
    night.whole(data_of(SIZES["100k"], data.parents[1]), home, root)
    return night.again(data, home, files, None, root, options)


def table(codes: dict[str, Figures]) -> str:
    """Seconds of the codes and their ratios to the first: each night whole, and what it consists of."""
    rows = []
    for which in NIGHTS:
        nights = [code[which] for code in codes.values()]
        rows.append(_row(f"**{which} night**", [one["seconds"] for one in nights]))
        for part in dict.fromkeys(part for one in nights for part in one["inside"]):
            rows.append(_row(part, [one["inside"].get(part, 0) for one in nights]))
        rows.append(_row("beside the stages", [one["beside"]["total"] for one in nights]))
        rows.append(_row("peak GiB", [one["rss_gib"] for one in nights]))
    header = ["seconds", *codes, *(f"{code} / then" for code in list(codes)[1:])]
    return markdown(header, rows)


def _row(name: str, values: list[float]) -> list[str]:
    then, *others = values
    return [name, *(f"{one:.1f}" for one in values), *(f"{one / then:.2f}" if then else "" for one in others)]


def _write(name: str, found: dict[str, dict[str, Figures]], left_out: str) -> None:
    called = {name: "then", "this": "now", "this, less": "now, less"}
    tables = []
    for size, measured in found.items():
        codes = {called[code]: figures for code, figures in measured.items()}
        judged = [f"{who}: {'; '.join(code['first']['judged'])}" for who, code in codes.items()]
        title = f"## ml-{size}: {SIZES[size].ratings:,} ratings"
        tables.append(f"{title}\n\n{table(codes)}\n\nJudged in the first night: {'. '.join(judged)}.")
    notes = [
        f"`recengine run --top-n {night.TOP_N}` through Prefect on a fresh home, then again after "
        f"{night.NEW_SHARE:.1%} new ratings: with the code of commit `{name}` and with that of "
        f"`{state_of_the_code()}`, one after the other on one machine, nothing else running, "
        "loops compiled by a night on 100,000 ratings before. A part that logs no seconds in a night counts 0."
    ]
    if left_out:
        notes.append(f"Now, less: with `{left_out}`, which leaves out what the earlier code does not do.")
    command = f"python -m benchmarks.scale --against {name}"
    title = "Scale: this code against an earlier one"
    write("scale_against", title, notes, tables, found, command=command)


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
