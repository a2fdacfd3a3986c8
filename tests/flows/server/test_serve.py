"""``recengine serve`` as a person meets it: real server, real worker, real signals."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
from functools import partial
from pathlib import Path

import httpx
import pytest
from served import COMMAND, ROOT, Served, free_port, launch, processes_of, serving, until

from recengine.config import Home
from recengine.serving import queries as reading
from recengine.serving.versions import current_version

pytestmark = pytest.mark.prefect


def test_it_says_where_prefect_is_and_keeps_its_files_private(served: Served) -> None:
    assert f"Prefect is at http://127.0.0.1:{served.port}" in served.said()
    folder = served.home / "prefect"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "prefect.db").stat().st_mode) == 0o600
    assert "<title>" in httpx.get(f"http://127.0.0.1:{served.port}/", follow_redirects=True).text


def test_the_schedule_has_its_next_runs(served: Served) -> None:
    def scheduled() -> list[str]:
        runs = served.post("flow_runs/filter", deployments={"name": {"any_": ["nightly"]}})
        return [run["expected_start_time"] for run in runs if run["state_type"] == "SCHEDULED"]

    times = until(scheduled, 60, "a scheduled run")
    assert len(times) >= 3
    assert all("T03:30:00" in time for time in times)


def test_a_parameter_that_the_flow_does_not_have_is_refused(served: Served) -> None:
    found = served.get("deployments/name/nightly/nightly")
    served.allow()
    body = {"parameters": {"top": 7}, "state": {"type": "SCHEDULED"}}
    answer = served.client.post(f"deployments/{found['id']}/create_flow_run", json=body)
    assert answer.status_code == 409
    assert "'top' is not one of ['dataset', 'source'" in answer.text


def test_settings_are_safe(served: Served) -> None:
    assert served.get("admin/settings")["server"]["analytics_enabled"] is False
    other = httpx.Client(base_url=served.client.base_url, trust_env=False)
    assert other.post("flow_runs/filter", json={}).status_code == 403, (
        "a page of another site could start runs"
    )
    allowed = other.options(
        "flow_runs/filter",
        headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"},
    )
    assert "access-control-allow-origin" not in allowed.headers
    rebound = other.get("health", headers={"Host": f"attacker.example:{served.port}"})
    assert rebound.status_code == 400, "a page that points its name at this machine could start runs"


def test_a_deployment_publishes_and_a_shell_uses_the_same_server(served: Served, demo: Path) -> None:
    run = served.ended(served.start_run("nightly", source=str(demo), model="popularity"))
    assert run["state_name"] == "Published", run["state"]
    assert current_version(Home(served.home)) is not None
    done = subprocess.run(
        [*COMMAND, "run", "--home", str(served.home), "--source", str(demo), "--model", "popularity"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Unchanged" in done.stderr
    [from_shell] = served.post("flow_runs/filter", flow_runs={"state": {"name": {"any_": ["Unchanged"]}}})
    assert from_shell["deployment_id"] is None


def test_set_up_again_undoes_no_edit(served: Served) -> None:
    found = served.get("deployments/name/nightly/nightly")
    [schedule] = found["schedules"]
    extra = {"schedule": {"cron": "0 5 * * *", "timezone": "UTC"}, "active": True}
    served.allow()
    served.request("POST", f"deployments/{found['id']}/schedules", [extra | {"slug": "old"}])
    served.request("PATCH", f"deployments/{found['id']}/schedules/{schedule['id']}", {"active": False})
    before = served.get("deployments/name/nightly/nightly")
    assert len(before["schedules"]) == 2
    served.request("PATCH", f"deployments/{found['id']}", {"parameters": {"source": "/mine"}})
    environment = {
        "PREFECT_API_URL": f"http://127.0.0.1:{served.port}/api",
        "RECENGINE_ROOT": str(ROOT),
        "RECENGINE_HOME": str(served.home),
    }
    command = [COMMAND[0], "-m", "flows.server.setup"]
    subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=True)
    after = served.get("deployments/name/nightly/nightly")
    assert after["id"] == found["id"]
    assert [
        (kept["slug"], kept["active"]) for kept in sorted(after["schedules"], key=lambda kept: kept["slug"])
    ] == [
        ("every-night", False),
        ("old", True),
    ]
    assert after["parameters"] == {"source": "/mine"}
    served.request("PATCH", f"deployments/{found['id']}", {"parameters": {}})
    assert len(served.post("automations/filter")) == 2
    assert len(served.post("work_pools/filter")) == 1


@pytest.mark.slow
def test_one_sentence_for_each_way_not_to_start(served: Served, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = launch(tmp_path / "a", "--port", str(port))
        assert process.wait(60) == 2
    assert f"Error: Port {port} on 127.0.0.1 is in use; choose another one with --port." in _said(
        tmp_path / "a"
    )
    assert launch(tmp_path / "b", "--host", "0.0.0.0", "--port", str(free_port())).wait(60) == 2
    assert "set PREFECT_SERVER_API_AUTH_STRING=user:password first" in _said(tmp_path / "b")
    again = subprocess.run([*COMMAND, "serve", "--home", str(served.home), "--port", str(free_port())], cwd=ROOT,
                           capture_output=True, text=True, check=False)  # fmt: skip
    assert again.returncode == 2
    assert "is being served already" in again.stderr


def test_killed_worker_server_and_flow_are_followed_by_a_good_run(served: Served, demo: Path) -> None:
    """One SIGKILL for each kind of process; readers keep their tables, the next run needs no hand."""
    before = current_version(Home(served.home))
    run = served.start_run("nightly", source=str(demo), force=True, top_n=11)
    until(lambda: served.run(run)["state_type"] == "RUNNING", 60, "the start of the run")
    os.kill(served.pid_of("prefect.engine"), signal.SIGKILL)
    assert served.ended(run)["state_type"] == "CRASHED"
    assert len(reading.sql(Home(served.home), "FROM recommendations LIMIT 1")) == 1
    for part in ("worker start", "flows.server.process"):
        pid = served.pid_of(part)
        os.kill(pid, signal.SIGKILL)
        until(partial(_replaced, served, part, pid), 60, f"a new {part}")
    until(lambda: _health(served.port), 60, "the server's health")
    run = served.ended(served.start_run("nightly", source=str(demo), model="popularity", force=True))
    assert run["state_name"] == "Published", run["state"]
    assert current_version(Home(served.home)) != before


@pytest.mark.slow
def test_stopping_leaves_nothing_and_starting_again_works(tmp_path: Path, demo: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as served:
        run = served.start_run("nightly", source=str(demo))
        until(lambda: served.run(run)["state_type"] == "RUNNING", 60, "the start of the run")
        assert served.stop(signal.SIGKILL) == -signal.SIGKILL
        until(lambda: not processes_of(home), 60, "the end of every process")
    with serving(home, served.port) as served:
        assert served.run(run)["state_type"] == "CRASHED", "a lost run would block the next one"
        run = served.start_run("nightly", source=str(demo))
        until(lambda: served.run(run)["state_type"] == "RUNNING", 120, "the start of the next run")
        assert served.stop(signal.SIGINT) == 0
        assert processes_of(home) == {}
    assert not (home / "prefect" / "api_url").exists()


def _replaced(served: Served, part: str, pid: int) -> bool:
    return any(part in command for other, command in processes_of(served.home).items() if other != pid)


def _said(home: Path) -> str:
    return (home.parent / f"{home.name}.out").read_text().replace("\n", " ")


def _health(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/health", trust_env=False).is_success
    except httpx.HTTPError:
        return False
