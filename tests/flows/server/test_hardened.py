"""The service units' exact commands where a hardened box lets them write next to nothing: a night is published."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from served import free_port, until

from flows.server.settings import ROOT
from recengine.config import Home
from recengine.serving import queries as reading
from recengine.synthetic.generator import GeneratorConfig, generate

pytestmark = [
    pytest.mark.prefect,
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("unshare"), reason="only root can seal off a box"
    ),
]

UNITS = ROOT / "deployments" / "systemd"
ACCOUNT, READERS = 61_234, 61_235
STATE = "/var/lib/recengine"

# What ProtectSystem=strict, ProtectHome, PrivateTmp, StateDirectory and the rest of [Service] leave of the machine.
# The interpreter of these tests may lie in somebody's home: it alone is shown there.
# Nothing is ever removed in here, and what is shown of the real machine is made read-only before anything else.
SEALED = """\
set -e
mount --make-rprivate /
shown() { mount --bind "$1" "$2"; mount -o remount,bind,ro "$2"; }
shown "$PYTHON_FOLDER" "$HELD/python"; shown "$VENV" "$HELD/venv"; shown "$CODE" "$HELD/code"
mount --bind "$STATE_FOLDER" "$HELD/state"
for hidden in /root /home; do mount -t tmpfs -o mode=755 tmpfs $hidden; done
case "$PYTHON_FOLDER" in /root/*|/home/*) mkdir -p "$PYTHON_FOLDER"; shown "$HELD/python" "$PYTHON_FOLDER" ;; esac
mount -t tmpfs -o mode=755 tmpfs /opt; mkdir -p /opt/recengine/.venv
for part in recengine flows deployments; do
    mkdir /opt/recengine/$part; shown "$HELD/code/$part" /opt/recengine/$part
done
shown "$HELD/venv" /opt/recengine/.venv
mount -t tmpfs -o mode=755 tmpfs /var/lib; mkdir /var/lib/recengine; mount --bind "$HELD/state" /var/lib/recengine
mount -t tmpfs -o mode=1777 tmpfs /tmp
awk '{print $5}' /proc/self/mountinfo | while read -r place; do
    case "$place" in /proc*|/sys*|/dev*|/tmp*|/var/lib/recengine) ;; *) mount -o remount,bind,ro "$place" ;; esac
done
if touch /opt/recengine/recengine/x 2>/dev/null; then echo "the installation is not read-only"; exit 1; fi
cd /opt/recengine
umask 0077
exec setpriv --reuid "$ACCOUNT" --regid "$ACCOUNT" --groups "$READERS" --no-new-privs --bounding-set=-all \\
    --inh-caps=-all "$@"
"""


def commands(unit: str, key: str) -> list[list[str]]:
    """What a unit runs, word for word."""
    lines = re.findall(rf"^{key}=(.+)$", (UNITS / unit).read_text(), re.MULTILINE)
    return [shlex.split(line) for line in lines]


def environment(unit: str, port: int) -> dict[str, str]:
    """What systemd gives a unit: its own lines, the environment file as shipped, and the account's."""
    lines = (
        (ROOT / "deployments" / "recengine.env.example").read_text().replace("4200", str(port)).splitlines()
    )
    shipped = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    own = dict(word.split("=", 1) for [line] in [commands(unit, "Environment")] for word in line)
    account = {"HOME": STATE, "USER": "recengine", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    return account | own | shipped | {"RECENGINE_READERS_GROUP": str(READERS)}


@contextmanager
def sealed(
    command: list[str], state: Path, log: Path, given: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A command of a unit in a mount namespace of its own, ended with the block."""
    held = state.with_name("held")
    for part in ("python", "venv", "code", "state"):
        (held / part).mkdir(parents=True, exist_ok=True)
    place = {
        "HELD": str(held),
        "PYTHON_FOLDER": sys.base_prefix, "VENV": sys.prefix, "CODE": str(ROOT), "STATE_FOLDER": str(state),
        "ACCOUNT": str(ACCOUNT), "READERS": str(READERS),
    }  # fmt: skip
    words = [word.replace("${PREFECT_HOME}", given["PREFECT_HOME"]) for word in command]
    script = ["unshare", "--mount", "--fork", "--kill-child", "bash", "-c", SEALED, "sealed"]
    clean = ["env", "-i", *(f"{name}={value}" for name, value in given.items())]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*script, *clean, *words], env=os.environ | place, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def finished(command: list[str], state: Path, log: Path, given: dict[str, str]) -> int:
    """The exit status of a command of a unit."""
    with sealed(command, state, log, given) as process:
        return process.wait(180)


def test_the_units_publish_a_night_on_a_hardened_box(tmp_path: Path) -> None:
    state, port = tmp_path / "state", free_port()
    generate(state / "incoming" / "mine", GeneratorConfig(users=150, movies=120, ratings=6000, seed=1))
    for path in (state, *state.rglob("*")):
        os.chown(path, ACCOUNT, ACCOUNT)
    state.chmod(0o711)
    server, worker = "recengine-server.service", "recengine-worker.service"
    given = environment(server, port)
    for command in commands(server, "ExecStartPre"):
        assert finished(command, state, tmp_path / "pre", given) == 0, (tmp_path / "pre").read_text()
    [serving], [setting_up], [working] = (
        commands(server, "ExecStart"), commands(worker, "ExecStartPre"), commands(worker, "ExecStart")
    )  # fmt: skip
    with (
        sealed(serving, state, tmp_path / "server", given) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}/api/", trust_env=False, timeout=30) as client,
    ):
        until(lambda: process.poll() is not None or _healthy(client), 180, "the server's health")
        assert process.poll() is None, (tmp_path / "server").read_text()
        given = environment(worker, port)
        assert finished(setting_up, state, tmp_path / "set-up", given) == 0, (tmp_path / "set-up").read_text()
        with sealed(working, state, tmp_path / "worker", given):
            token = client.get("csrf-token", params={"client": "tests"}).raise_for_status().json()["token"]
            client.headers.update({"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "tests"})
            deployment = client.get("deployments/name/nightly/nightly").raise_for_status().json()["id"]
            asked = {"parameters": {"source": f"{STATE}/incoming/mine"}, "state": {"type": "SCHEDULED"}}
            run = (
                client.post(f"deployments/{deployment}/create_flow_run", json=asked).raise_for_status().json()
            )
            until(lambda: _over(client, run["id"]), 240, "the end of the night")
            ended = client.get(f"flow_runs/{run['id']}").json()["state"]
    assert ended["name"] == "Published", (ended, (tmp_path / "worker").read_text())
    assert list((state / "cache" / "numba").rglob("*.nbi")), "compiled code is kept"
    link = Home(state).serving_link
    assert len(reading.sql(Home(state), "FROM recommendations LIMIT 1")) == 1
    assert (link.resolve().stat().st_uid, link.resolve().stat().st_gid) == (ACCOUNT, READERS)


def _healthy(client: httpx.Client) -> bool:
    try:
        return client.get("health").is_success
    except httpx.HTTPError:
        return False


def _over(client: httpx.Client, run: str) -> bool:
    return client.get(f"flow_runs/{run}").json()["state_type"] in (
        "COMPLETED",
        "FAILED",
        "CRASHED",
        "CANCELLED",
    )
