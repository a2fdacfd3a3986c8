"""``recengine serve`` open to other machines: nobody gets in without the auth string, and no file has it."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from inboxes import Inbox, inbox
from served import COMMAND, ROOT, Served, serving, until

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

AUTH = "night-owl:quite-a-Watchword-7f3"
HOOK = "services/T0/B0/not-For-The-Logs-91c"


@pytest.fixture(scope="module")
def refusing() -> Iterator[Inbox]:
    """A webhook whose address is a secret, and which takes nothing."""
    with inbox(status=404, path=HOOK) as found:
        yield found


@pytest.fixture(scope="module")
def open_wide(tmp_path_factory: pytest.TempPathFactory, refusing: Inbox) -> Iterator[Served]:
    """A server that listens everywhere, with an auth string."""
    home = tmp_path_factory.mktemp("open") / "home"
    environment = {"PREFECT_SERVER_API_AUTH_STRING": AUTH, "RECENGINE_WEBHOOK_URL": refusing.url}
    with serving(home, None, "--host", "0.0.0.0", **environment) as served:
        yield served


@pytest.mark.parametrize("auth", [None, ("night-owl", "wrong"), ("", "")])
def test_strangers_stay_out(open_wide: Served, auth: tuple[str, str] | None) -> None:
    with httpx.Client(base_url=open_wide.client.base_url, trust_env=False, auth=auth) as stranger:
        assert stranger.get("admin/settings").status_code == 401
        assert stranger.post("flow_runs/filter", json={}).status_code in (401, 403)  # no CSRF token either
        assert stranger.get("deployments/name/nightly/nightly").status_code == 401
        assert stranger.get("csrf-token", params={"client": "stranger"}).status_code == 401


def test_who_knows_it_gets_in_and_still_needs_a_csrf_token(open_wide: Served) -> None:
    shown = open_wide.get("admin/settings")["server"]
    assert shown["api"]["csrf_protection_enabled"] is True
    assert shown["api"]["cors_allowed_origins"].startswith("http://127.0.0.1:")
    assert "Watchword" not in str(shown)
    with httpx.Client(
        base_url=open_wide.client.base_url, trust_env=False, auth=open_wide.client.auth
    ) as other:
        assert other.post("flow_runs/filter", json={}).status_code == 403


def test_schedule_worker_and_shell_work(open_wide: Served, demo: Path) -> None:
    run = open_wide.ended(open_wide.schedule_run("nightly", source=str(demo), model="popularity"))
    assert run["state_name"] == "Published", run["state"]
    command = [*COMMAND, "run", "--home", str(open_wide.home), "--source", str(demo), "--model", "popularity"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=clean)
    assert refused.returncode == 2
    assert "wants a password: set PREFECT_API_AUTH_STRING=user:password" in refused.stderr.replace("\n", " ")
    assert "Traceback" not in refused.stderr
    let_in = clean | {"PREFECT_API_AUTH_STRING": AUTH}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=let_in)
    assert done.returncode == 0, done.stderr
    assert "Unchanged" in done.stderr


def test_no_file_under_the_home_has_a_secret(open_wide: Served, refusing: Inbox, tmp_path: Path) -> None:
    """Logs, artifacts, tables, Prefect's database: after a failure that the webhook refused to take."""
    run = open_wide.ended(open_wide.start_run("nightly", source=str(tmp_path / "nowhere")))
    assert run["state_name"] == "Failed"
    until(lambda: refusing.messages, 30, "the message")
    until(lambda: b"answered with status 404" in _all_bytes(open_wide.home), 30, "the warning")
    password = AUTH.split(":")[1].encode()
    found = _all_bytes(open_wide.home)
    for secret in (password, base64.b64encode(AUTH.encode()), HOOK.split("/")[-1].encode()):
        assert secret not in found
        assert secret not in open_wide.said().encode()


def test_others_on_this_machine_may_write_nothing(open_wide: Served) -> None:
    modes = {
        path: stat.S_IMODE(path.lstat().st_mode)
        for path in open_wide.home.rglob("*")
        if not path.is_symlink()
    }
    assert [str(path) for path, mode in modes.items() if mode & stat.S_IWOTH] == []
    assert len(modes) > 20


def _all_bytes(home: Path) -> bytes:
    return b"\n".join(
        path.read_bytes() for path in home.rglob("*") if path.is_file() and "ui" not in path.parts
    )
