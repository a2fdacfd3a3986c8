"""The service units, the environment file and the container recipe, as far as no machine has to be set up."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.server import settings
from recengine.config import Home

FOLDER = settings.ROOT / "deployments"
UNITS = sorted((FOLDER / "systemd").glob("*.service"))


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    for unit in UNITS:
        text = unit.read_text().replace("/opt/recengine/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text)
    command = ["systemd-analyze", "verify", *(str(tmp_path / unit.name) for unit in UNITS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "recengine" in line] == []


def test_what_the_units_run_exists() -> None:
    modules = {found for unit in UNITS for found in re.findall(r"-m (flows\.server\.\w+)", unit.read_text())}
    assert modules == {"flows.server.process", "flows.server.setup"}
    assert all((settings.ROOT / f"{module.replace('.', '/')}.py").exists() for module in modules)


def test_the_account_and_the_readers_group_are_made() -> None:
    users = (FOLDER / "systemd" / "recengine.sysusers").read_text()
    [user] = {
        found for unit in UNITS for found in re.findall(r"^User=(\w+)$", unit.read_text(), re.MULTILINE)
    }
    assert re.search(rf"^u {user} - ", users, re.MULTILINE)
    assert f"m {user} recengine-readers" in users
    assert "RECENGINE_READERS_GROUP=recengine-readers" in (FOLDER / "recengine.env.example").read_text()


def test_the_environment_file_says_what_serve_sets(tmp_path: Path) -> None:
    lines = (FOLDER / "recengine.env.example").read_text().splitlines()
    written = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    home = Home(Path(written["RECENGINE_HOME"]))
    wanted = settings.server_environment(home, "127.0.0.1", 4200, caller={})
    wanted |= {"RECENGINE_ROOT": "/opt/recengine", "RECENGINE_READERS_GROUP": "recengine-readers"}
    del wanted["PYTHONUNBUFFERED"]
    assert written == wanted


def test_the_container_runs_unprivileged_and_says_no_secret() -> None:
    recipe = (FOLDER / "Containerfile").read_text()
    assert re.search(r"^USER \d+$", recipe, re.MULTILINE)
    assert not re.search(r"^(ENV|ARG).*(AUTH|PASSWORD|SECRET|WEBHOOK)", recipe, re.MULTILINE)
