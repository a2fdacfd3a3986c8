"""The temporary server of a command: up for the flows, gone with the command whatever ends it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from recengine.config import Home

KILLED = """
import os, signal
from flows.server import local
from recengine.config import Home

local.settle(Home.at())
with local.server():
    pass
print(os.environ["PREFECT_API_URL"], flush=True)
input()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_server_answers_to_this_box_only_and_ends_with_a_killed_command(
    home: Home, tmp_path: Path
) -> None:
    own = {"PREFECT_HOME": str(tmp_path / "prefect"), "RECENGINE_HOME": str(home.root), "PATH": ""}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        env=own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    url = process.stdout.readline().strip()
    assert httpx.get(f"{url}/health", timeout=10).is_success
    assert httpx.get(f"{url}/health", timeout=10, headers={"Host": "evil.example"}).status_code == 400
    assert httpx.post(f"{url}/flow_runs/filter", json={}, headers={"Via": "1.1 p"}).status_code == 401
    process.communicate("now\n")
    assert process.returncode == -9
    _until_gone(url)


def test_a_command_killed_while_the_server_starts_takes_it_along(home: Home, tmp_path: Path) -> None:
    """While it imports it hears nobody: the kernel ends it."""
    own = {"RECENGINE_HOME": str(home.root), "PATH": ""}
    code = KILLED.replace("    pass\n", "    print(os.environ['PREFECT_API_URL'], flush=True); input()\n")
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    url = process.stdout.readline().strip()
    process.kill()
    process.communicate()
    _until_gone(url)


@retry(retry=retry_if_result(lambda up: up), stop=stop_after_delay(3), wait=wait_fixed(0.1))
def _until_gone(url: str) -> bool:
    """Whether something still listens there."""
    try:
        httpx.get(f"{url}/health", timeout=10)
    except httpx.HTTPError as error:
        return not isinstance(error, httpx.ConnectError)  # any other: cut off in the middle of an answer
    return True
