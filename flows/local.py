"""Prefect for a command on one box: its own home under ours, and the running server when there is one."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from recengine.config import Home
from recengine.errors import BadInput, RecengineError

STARTUP_SECONDS = 120  # for the temporary server; the first start on a home also makes its database
SHUTDOWN_SECONDS = 15
AUTH, SERVER_AUTH = "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"


def settle(home: Home) -> None:
    """Set Prefect's environment for this process; must come before Prefect is imported.

    Everything of Prefect's goes under ``<home>/prefect``. With ``recengine serve`` running on this home its
    server is used, so that the run shows in its UI; else ``server`` starts a temporary one.

    Raises
    ------
    BadInput
        The running server asks for a password that this shell does not have.
    """
    home.prefect.mkdir(mode=0o750, exist_ok=True)
    os.environ.setdefault("PREFECT_HOME", str(home.prefect))
    os.environ.setdefault("PREFECT_PROFILES_PATH", str(home.prefect / "profiles.toml"))
    # The run and its log go to the server whole; on screen the command prints its own lines.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    served = home.prefect / "api_url"
    if "PREFECT_API_URL" not in os.environ and SERVER_AUTH in os.environ:
        os.environ.setdefault(AUTH, os.environ[SERVER_AUTH])
    if "PREFECT_API_URL" not in os.environ and served.exists() and _answers(served.read_text().strip()):
        os.environ["PREFECT_API_URL"] = served.read_text().strip()
    if url := os.environ.get("PREFECT_API_URL"):
        _authorise(url)


@contextmanager
def server() -> Iterator[None]:
    """Where no server runs, a temporary one, which starts up beside what the block does; it ends with this process.

    Prefect can start one itself, but imports the whole server into the command for it and leaves it running
    when the command is killed.

    Raises
    ------
    RecengineError
        The server did not come up.
    """
    if "PREFECT_API_URL" in os.environ:
        yield
        return
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url, fd = f"http://127.0.0.1:{listening.getsockname()[1]}/api", listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.temporary_server", str(fd)],
            stdin=subprocess.PIPE,
            pass_fds=(fd,),
            env=os.environ | {"PREFECT_SERVER_API_BLOCKS_REGISTER_ON_START": "false"},  # the flows use none
            start_new_session=True,  # Ctrl-C reaches the command only, which tells the server of it
        )
    atexit.register(_end, process)  # after Prefect's own, which sends the last log lines
    os.environ["PREFECT_API_URL"] = url
    yield
    try:
        httpx.get(f"{url}/health", timeout=STARTUP_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        raise RecengineError(f"Prefect's temporary server did not come up ({error}); run again") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the server's stdin, on which it ends."""
    try:
        process.communicate(timeout=SHUTDOWN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _authorise(url: str) -> None:
    """See whether the server lets us in, before Prefect answers with a page of traceback."""
    user, colon, password = os.environ.get(AUTH, "").partition(":")
    try:
        answer = httpx.get(f"{url}/admin/version", timeout=10, auth=(user, password) if colon else None)
    except httpx.HTTPError:
        return  # Prefect itself says what is wrong
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise BadInput(
            f"The Prefect server at {url} wants a password: set {AUTH}=user:password and run again."
        )


def result_of(state: Any) -> Any:
    """A finished flow run's result; the user's own mistakes are raised as they were.

    Raises
    ------
    RecengineError
        What a task raised, or that the run did not complete.
    """
    if state.is_completed():
        return state.result(raise_on_failure=False)
    error = state.result(raise_on_failure=False)
    if isinstance(error, BaseException):
        raise error
    raise RecengineError(f"The run ended as {state.name}: {state.message}")


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).is_success
    except httpx.HTTPError:
        return False
