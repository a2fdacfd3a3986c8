"""What every benchmark prints and writes: where it ran, on what, with which versions, and its table."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


def machine() -> dict[str, str]:
    """Processor, cores, memory, and the versions that the figures depend on."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.split(":", 1)[1].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    names = ("recengine", "torch", "duckdb", "numpy", "scipy")
    return {
        "machine": f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "python": platform.python_version(),
    } | {name: version(name) for name in names}


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def write(
    name: str,
    title: str,
    notes: Sequence[str],
    tables: Sequence[str],
    data: Any,
    *,
    command: str | None = None,
) -> None:
    """Print the page, write it as ``results/<name>.md`` and ``.json``, and gather all pages in ``RESULTS.md``."""
    where = ", ".join(f"{key} {value}" if key != "machine" else value for key, value in machine().items())
    command = command or f"python -m benchmarks.{name} {' '.join(sys.argv[1:])}".strip()
    page = "\n\n".join([f"# {title}", f"Made by `{command}` on {where}.", *notes, *tables]) + "\n"
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.md").write_text(page, encoding="utf-8")
    (FOLDER / f"{name}.json").write_text(json.dumps({"machine": machine(), "data": data}, indent=1) + "\n")
    pages = "\n".join(file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.md")))
    # A page's pictures lie beside it, one folder below the page of all pages.
    pages = re.sub(r"(!\[[^\]]*\]\()(?=[\w-]+\.svg\))", rf"\1{FOLDER.name}/", pages)
    (FOLDER.parent / "RESULTS.md").write_text(pages, encoding="utf-8")
    print(page)
