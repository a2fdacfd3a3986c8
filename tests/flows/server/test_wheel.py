"""The wheel without its source tree: a command and a served night, from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import served
from served import ROOT, serving

from recengine.config import Home
from recengine.serving import queries as reading

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command line of an installed wheel, with this environment's other packages but not the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    building = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    built = subprocess.run(building, capture_output=True, text=True, check=False)
    if built.returncode and "hatchling" in built.stderr:
        pytest.skip("hatchling is not to be had here")
    assert built.returncode == 0, built.stderr
    venv.create(folder / "venv", symlinks=True)
    [packages] = (folder / "venv").glob("lib/python*/site-packages")
    [wheel] = folder.glob("*.whl")
    installing = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(packages)]
    subprocess.run([*installing, str(wheel)], check=True)
    [others] = [path for path in sys.path if path.endswith("site-packages") and path.startswith(sys.prefix)]
    (packages / "others.pth").write_text(
        others
    )  # its own .pth files, the checkout's among them, are not read
    return [str(folder / "venv" / "bin" / "python"), "-c", "from flows.cli import main; main()"]


def test_a_command_runs(installed: list[str], demo: Path, tmp_path: Path) -> None:
    where = [installed[0], "-c", "import flows, recengine, deployments; print(*(m.__path__[0] for m in "
             "(flows, recengine, deployments)))"]  # fmt: skip
    found = subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert str(ROOT) not in found
    asked = ["run", "--home", "h", "--source", str(demo), "--model", "popularity"]
    done = subprocess.run([*installed, *asked], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(reading.sql(Home(tmp_path / "h"), "FROM recommendations LIMIT 1")) == 1
    assert list((tmp_path / "h" / "reports").glob("*.html")), "the page's template is in the wheel"


def test_a_night_is_served(
    installed: list[str], demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "COMMAND", installed)
    monkeypatch.setattr(served, "ROOT", tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with serving(tmp_path / "home", None, "--source", str(demo), "--cron", "0 4 * * *") as running:
        deployment = running.get("deployments/name/nightly/nightly")
        assert deployment["parameters"] == {"source": str(demo)}
        assert deployment["schedules"][0]["schedule"]["cron"] == "0 4 * * *"
        [step] = deployment["pull_steps"]
        [there] = step.values()
        assert there["directory"] == os.path.dirname(os.path.dirname(_package(installed)))
        run = running.ended(running.start_run("nightly", model="popularity"))
        assert run["state_name"] == "Published", run["state"]


def _package(installed: list[str]) -> str:
    code = "import flows; print(flows.__file__)"
    return subprocess.run(
        [installed[0], "-c", code], cwd="/", capture_output=True, text=True, check=True
    ).stdout.strip()
