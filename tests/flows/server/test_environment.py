"""Proxies and other projects' Prefect settings lead no command of ours astray."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from flows.server import local, settings
from flows.server.environment import bypass_proxies_for_loopback
from recengine.config import Home
from recengine.serving.queries import sql

LOOPBACK = ["127.0.0.1", "localhost", "::1"]
FOREIGN = {
    "PREFECT_API_URL": "http://127.0.0.1:9/api",
    "PREFECT_API_KEY": "pnu_other",
    "PREFECT_PROFILE": "other",
    "PREFECT_HOME": "/nowhere",
    "PREFECT_PROFILES_PATH": "/nowhere/profiles.toml",
    "PREFECT_LOGGING_LEVEL": "nonsense",
    "PREFECT_SERVER_API_BASE_PATH": "/other",
    "PREFECT_CLIENT_CUSTOM_HEADERS": '{"X-Other": "1"}',
}
PROXIES = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "https_proxy": "127.0.0.1:9",
    "ALL_PROXY": "gopher://127.0.0.1:9",
    "all_proxy": "socks5://127.0.0.1:9",
}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, []),
        ({"NO_PROXY": "example.org, 10.0.0.0/8"}, ["example.org", "10.0.0.0/8"]),
        ({"no_proxy": "example.org", "NO_PROXY": "other.example"}, ["example.org"]),
    ],
)
def test_no_proxy_is_asked_for_the_loopback(given: dict[str, str], kept: list[str]) -> None:
    environment = given | {"HTTP_PROXY": "http://proxy.example:3128"}
    bypass_proxies_for_loopback(environment)
    assert environment["NO_PROXY"] == environment["no_proxy"] == ",".join([*kept, *LOOPBACK])
    assert environment["HTTP_PROXY"] == "http://proxy.example:3128"  # downloads go through it
    before = dict(environment)
    bypass_proxies_for_loopback(environment)
    assert environment == before


def test_a_proxy_that_no_client_can_have_is_said_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    environment = {
        "NO_PROXY": "*",
        "https_proxy": "proxy.example:3128",
        "ALL_PROXY": "gopher://proxy.example",
    }
    logger = logging.getLogger("recengine")
    logger.addHandler(caplog.handler)
    bypass_proxies_for_loopback(environment)
    logger.removeHandler(caplog.handler)
    assert "ALL_PROXY cannot be used and is left out: Unknown scheme" in caplog.text
    assert environment == {"NO_PROXY": "*", "no_proxy": "*", "https_proxy": "proxy.example:3128"}


def test_clients_of_ours_ask_no_proxy_for_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    for name in (*environment, "NO_PROXY", *map(str.lower, (*environment, "NO_PROXY"))):
        monkeypatch.delenv(name, raising=False)
    bypass_proxies_for_loopback(environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with httpx.Client() as client:
        for host in ("127.0.0.1", "localhost", "[::1]"):
            assert client._transport_for_url(httpx.URL(f"http://{host}:4200/api")) is client._transport
        assert client._transport_for_url(httpx.URL("https://files.example")) is not client._transport


def test_a_command_takes_nothing_from_other_projects(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.setenv(name, "before")  # put back afterwards
    for name, value in FOREIGN.items():
        monkeypatch.setenv(name, value)
    local.settle(home)
    ours = {name: value for name, value in os.environ.items() if name.startswith("PREFECT_")}
    assert not set(ours.values()) & {*FOREIGN.values(), "before"}
    assert ours["PREFECT_HOME"] == str(home.prefect)
    assert "PREFECT_API_URL" not in ours


def test_the_server_takes_what_is_meant_for_it_only(tmp_path: Path) -> None:
    given = FOREIGN | PROXIES | {"PREFECT_SERVER_LOGGING_LEVEL": "DEBUG", "PREFECT_WORKER_QUERY_SECONDS": "2"}
    chosen = settings.server_environment(Home(tmp_path), "127.0.0.1", 4200, given)
    assert chosen["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert chosen["PREFECT_SERVER_LOGGING_LEVEL"] == "DEBUG"
    assert chosen["PREFECT_WORKER_QUERY_SECONDS"] == "2"
    gone = {
        "PREFECT_API_KEY",
        "PREFECT_PROFILE",
        "PREFECT_SERVER_API_BASE_PATH",
        "PREFECT_CLIENT_CUSTOM_HEADERS",
    }
    assert not gone & set(chosen)
    assert chosen["NO_PROXY"] == ",".join(LOOPBACK)


@pytest.mark.slow
@pytest.mark.prefect
def test_a_night_among_proxies_and_settings_of_others(tmp_path: Path, demo: Path) -> None:
    (tmp_path / ".env").write_text("PREFECT_API_KEY=pnu_other\nPREFECT_LOGGING_LEVEL=nonsense\n")
    (tmp_path / "prefect.toml").write_text(
        '[api]\nurl = "http://127.0.0.1:9/api"\n[logging]\nlevel = "nonsense"\n'
    )
    (tmp_path / "pyproject.toml").write_text('[tool.prefect.api]\nkey = "pnu_other"\n')
    (tmp_path / "user" / ".prefect").mkdir(parents=True)
    profile = 'active = "other"\n[profiles.other]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'
    (tmp_path / "user" / ".prefect" / "profiles.toml").write_text(profile)
    clean = {
        name: value
        for name, value in os.environ.items()
        if "PROXY" not in name.upper() and "PREFECT" not in name
    }
    done = subprocess.run(
        [sys.executable, "-c", "from flows.cli import main; main()", "run", "--home", "h", "--source", str(demo),
         "--model", "popularity"],
        cwd=tmp_path, env=clean | FOREIGN | PROXIES | {"HOME": str(tmp_path / "user")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "PREFECT_API_URL=http://127.0.0.1:9/api is not the server of" in done.stderr.replace("\n", " ")
    assert len(sql(Home(tmp_path / "h"), "FROM recommendations LIMIT 1")) == 1
