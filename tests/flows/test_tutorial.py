"""docs/tutorial.md, from its files to its chart: each command runs, and prints what the page shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
STEPS = [block.split("\n", 1) for block in re.findall(r"```console\n\$ (.*?)```", PAGE, re.DOTALL)]


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.skipif("RECENGINE_DATASETS" not in os.environ, reason="RECENGINE_DATASETS names no folder")
def test_every_command_of_the_tutorial_does_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / "ml-100k").symlink_to(Path(os.environ["RECENGINE_DATASETS"]) / "ml-100k")
    shutil.copy(ROOT / "docs" / "examples" / "chart.py", tmp_path)
    start = tmp_path / "recengine"
    start.write_text(f"#!{sys.executable}\nfrom flows.cli import main\nmain()\n")
    start.chmod(0o755)
    env = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "RECENGINE_HOME": "",
    }
    last = ""
    for command, shown in STEPS:
        done = subprocess.run(
            command.replace("python ", f"{sys.executable} "),
            shell=True, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stderr)
        assert not shown or done.stdout == shown, command
        last = done.stderr
    assert "Unchanged: " in last
    assert (tmp_path / "genres.png").stat().st_size > 10_000
    assert [path.name for path in (tmp_path / "exported").rglob("recommendations*")]


def test_the_tutorial_has_its_steps() -> None:
    assert [command.split()[1] for command, _ in STEPS] == [
        *("run", "sql", "top", "why", "sql", "chart.py", "export", "run")
    ]
