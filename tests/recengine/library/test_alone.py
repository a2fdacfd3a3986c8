"""The example runs where only the engine is installed, and prints what its page shows."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "docs" / "examples" / "library.py"
BLOCKED = (
    "prefect", "fastapi", "starlette", "uvicorn", "sqlalchemy", "yaml", "typer", "rich", "matplotlib", "jinja2",
    "flows",
)  # fmt: skip


def masked(text: str) -> list[str]:
    """The lines without their figures, which differ in the last digits from one processor to another."""
    return [" ".join(re.sub(r"\d[\d,.:]*", "#", line).split()) for line in text.strip().splitlines()]


def test_the_example_needs_the_engine_alone_and_prints_its_page() -> None:
    code = (
        f"import sys, runpy; sys.modules.update(dict.fromkeys({BLOCKED})); "
        f"runpy.run_path({str(EXAMPLE)!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT, timeout=300
    )
    assert done.returncode == 0, done.stderr
    [shown] = re.findall(r"```text\n(.*?)```", EXAMPLE.with_suffix(".md").read_text(encoding="utf-8"), re.S)
    assert masked(done.stdout) == masked(shown)


def test_what_the_flows_need_is_no_dependency_of_the_engine() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    engine = {Requirement(text).name.lower() for text in project["dependencies"]}
    flows = {Requirement(text).name.lower() for text in project["optional-dependencies"]["flows"]}
    assert {"prefect", "fastapi", "sqlalchemy", "typer"} <= flows
    assert not engine & (flows | {"ray", "implicit", "pytest"})
    assert {"torch", "duckdb"} <= engine
