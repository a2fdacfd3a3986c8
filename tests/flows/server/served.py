"""A real ``recengine serve`` for tests: on a free port of the loopback, always ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """What a condition gives once it is true."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        if found := condition():
            return found
        time.sleep(0.25)
    raise AssertionError(f"{what} did not happen in {seconds:.0f} s")


def processes_of(home: Path) -> dict[int, str]:
    """Living processes that have this home in their environment: pid -> command."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if f"RECENGINE_HOME={home}".encode() in environment and command:
            found[int(entry.name)] = command
    return found


@dataclass
class Served:
    """A running ``recengine serve`` and its API."""

    home: Path
    port: int
    process: subprocess.Popen[str]
    client: httpx.Client

    def post(self, path: str, **body: Any) -> Any:
        """POST to the API."""
        self.allow()
        return self.request("POST", path, body)

    def allow(self) -> None:
        """Get a CSRF token, as a browser does."""
        if "Prefect-Csrf-Token" not in self.client.headers:
            token = (
                self.client.get("csrf-token", params={"client": "tests"}).raise_for_status().json()["token"]
            )
            self.client.headers.update({"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "tests"})

    def get(self, path: str) -> Any:
        """GET from the API."""
        return self.request("GET", path)

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """As Prefect's own clients do: again where the database is busy."""
        for _ in range(20):
            answer = self.client.request(method, path, json=body)
            if answer.status_code != 503:
                break
            time.sleep(0.5)
        return answer.raise_for_status().json() if answer.content else answer.raise_for_status()

    def start_run(self, deployment: str, **parameters: Any) -> str:
        """Start a run of a deployment; returns its id."""
        found = self.get(f"deployments/name/{deployment}/{deployment}")
        state = {"type": "SCHEDULED", "state_details": {}}
        body = {"parameters": parameters, "state": state}
        return str(self.post(f"deployments/{found['id']}/create_flow_run", **body)["id"])

    def schedule_run(self, deployment: str, **parameters: Any) -> str:
        """Let a schedule start a run now, as the cron does at night; returns its id."""
        found = self.get(f"deployments/name/{deployment}/{deployment}")
        now = datetime.now(UTC)
        at, end = (now + timedelta(seconds=seconds) for seconds in (2, 60))
        schedule = {"interval": 86_400, "anchor_date": at.isoformat(), "timezone": "UTC"}
        made = self.add_schedule(found["id"], schedule, parameters)
        self.post(f"deployments/{found['id']}/schedule", start_time=now.isoformat(), end_time=end.isoformat())
        [run] = self.post(
            "flow_runs/filter",
            flow_runs={"expected_start_time": {"after_": now.isoformat(), "before_": end.isoformat()}},
            deployments={"id": {"any_": [found["id"]]}},
        )
        assert run["auto_scheduled"]
        until(lambda: self.run(run["id"])["state_type"] != "SCHEDULED", 60, "the scheduled run's start")
        self.request("DELETE", f"deployments/{found['id']}/schedules/{made}")
        return str(run["id"])

    def add_schedule(self, deployment: str, schedule: dict[str, Any], parameters: dict[str, Any]) -> str:
        """Add a schedule to a deployment; returns its id."""
        self.allow()
        body = [{"schedule": schedule, "active": True, "parameters": parameters}]
        [made] = self.request("POST", f"deployments/{deployment}/schedules", body)
        return str(made["id"])

    def slots_in_use(self) -> int:
        """Slots of all concurrency limits that somebody holds."""
        return sum(limit["active_slots"] for limit in self.post("v2/concurrency_limits/filter"))

    def run(self, run: str) -> dict[str, Any]:
        """A flow run as the API shows it."""
        found = self.get(f"flow_runs/{run}")
        assert isinstance(found, dict)
        return found

    def ended(self, run: str, seconds: float = 180) -> dict[str, Any]:
        """A flow run once it is over."""
        final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        until(lambda: self.run(run)["state_type"] in final, seconds, f"the end of run {run}")
        return self.run(run)

    def logs(self, run: str) -> str:
        """A run's log lines so far."""
        found = self.post("logs/filter", logs={"flow_run_id": {"any_": [run]}})
        return "\n".join(line["message"] for line in found)

    def pid_of(self, part: str) -> int:
        """The process whose command holds a word; there must be one."""
        [found] = [pid for pid, command in processes_of(self.home).items() if part in command]
        return found

    def said(self) -> str:
        """What it printed so far."""
        return (self.home.parent / f"{self.home.name}.out").read_text()

    def stop(self, signum: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; returns its exit status."""
        self.process.send_signal(signum)
        return self.process.wait(90)


def launch(home: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    """Start ``recengine serve`` with its output in a file beside the home."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with (home.parent / f"{home.name}.out").open("w") as output:
        return subprocess.Popen(
            [*COMMAND, "serve", "--home", str(home), *options],
            cwd=ROOT,
            env=clean | {"PREFECT_WORKER_QUERY_SECONDS": "2"} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )


@contextmanager
def serving(home: Path, port: int | None = None, *options: str, **environment: str) -> Iterator[Served]:
    """A ready ``recengine serve``; nothing of it is left afterwards."""
    port = port or free_port()
    process = launch(home, "--port", str(port), *options, **environment)
    user, colon, password = environment.get("PREFECT_SERVER_API_AUTH_STRING", "").partition(":")
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/",
            timeout=30,
            trust_env=False,
            auth=(user, password) if colon else None,
        ) as client:
            served = Served(home, port, process, client)
            until(lambda: "Ctrl-C" in served.said() or process.poll() is not None, 180, "recengine serve")
            assert process.poll() is None, served.said()
            yield served
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(90)
            left = processes_of(home)
        else:  # it was stopped, or killed, by the test
            left = {}
        for pid in processes_of(home):
            os.kill(pid, signal.SIGKILL)
        assert not left, f"recengine serve ended and left {left}"
