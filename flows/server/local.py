"""Prefect for a command on one box: its own home under ours, and the running server when there is one."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx

from flows.server import auth, database
from flows.server.children import ended_with_parent
from flows.server.environment import OWN, prefect_settings
from recengine.config import Home
from recengine.errors import BadInput, DiskFull, RecengineError

STARTUP_SECONDS = 120  # for the temporary server; the first start on a home also makes its database
SHUTDOWN_SECONDS = 15
LITTLE_BYTES = 1_000_000  # a disk with less left is why a server does not start
ADDRESS = "PREFECT_API_URL"
_CODE = Path(__file__).resolve().parents[2]  # the checkout, or the folder the package is installed in

log = logging.getLogger("recengine")


def settle(home: Home) -> None:
    """Set Prefect's environment for this process; must come before Prefect is imported.

    Everything of Prefect's goes under ``<home>/prefect``. With a server running on this home (``recengine serve``,
    the service units) that one is used, so that the run shows in its UI; else ``server`` starts a temporary one.
    Settings of Prefect's in the environment are somebody else's and do not count, but for the auth string.

    Raises
    ------
    BadInput
        The running server asks for a password that this shell does not have.
    """
    home.prefect.mkdir(mode=0o700, exist_ok=True)
    credentials = auth.for_clients(home, os.environ)
    served = _served(home)
    if (other_server := os.environ.get(ADDRESS)) not in (None, served):
        log.warning("%s=%s is not the server of %s and is not used.", ADDRESS, other_server, home.root)
    for name in prefect_settings(os.environ):
        del os.environ[name]
    os.environ |= {
        "PREFECT_HOME": str(home.prefect),
        "PREFECT_PROFILES_PATH": str(home.prefect / "profiles.toml"),
        # The run and its log go to the server whole; on screen the command prints its own lines.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        **OWN,
    }
    if credentials:
        os.environ[auth.CLIENT] = credentials
    if served:
        os.environ[ADDRESS] = served
        _authorise(served, credentials)


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
    if ADDRESS in os.environ:
        _import_prefect()
        yield
        return
    home = Home.at()
    database.prepare(home)
    os.environ[auth.CLIENT] = credentials = f"recengine:{secrets.token_urlsafe(24)}"
    output = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the server lives; pages of traceback are for nobody
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url, fd = f"http://127.0.0.1:{listening.getsockname()[1]}/api", listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.server.temporary", str(fd)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=(fd,),
            env=os.environ
            | {
                "PREFECT_SERVER_API_BLOCKS_REGISTER_ON_START": "false",  # the flows use none
                # Two thirds of what a run adds to the database, and nobody looks at them: the runs are kept.
                "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
                auth.SERVER: credentials,
                "PYTHONPATH": os.pathsep.join(filter(None, (str(_CODE), os.environ.get("PYTHONPATH")))),
            },
            cwd=os.environ["PREFECT_HOME"],  # Prefect reads settings from the folder it starts in
            start_new_session=True,  # Ctrl-C reaches the command only, which tells the server of it
            preexec_fn=ended_with_parent(signal.SIGKILL),
        )
    atexit.register(_end, process)  # after Prefect's own, which sends the last log lines
    os.environ[ADDRESS] = url
    _import_prefect()
    yield
    try:
        httpx.get(f"{url}/health", timeout=STARTUP_SECONDS, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise _why_not_up(home, process, output, error) from error


def _why_not_up(
    home: Home, process: subprocess.Popen[bytes], output: IO[bytes], error: Exception
) -> RecengineError:
    if (free := shutil.disk_usage(home.root).free) < LITTLE_BYTES:
        return DiskFull(home.root, free)
    status = process.poll()
    ended = f"ended with status {status}" if status is not None else f"does not answer ({error})"
    output.seek(0)
    last = output.read().decode(errors="replace").strip().rpartition("\n")[2][:300]
    return RecengineError(
        f"Prefect's temporary server under {home.prefect} {ended}{last and f', saying: {last}'}; look at the memory "
        "it may take (ulimit -v), at the permissions of that folder and at this machine's load."
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the server's stdin, on which it ends."""
    try:
        process.communicate(timeout=SHUTDOWN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _import_prefect() -> None:
    """Where no .env, prefect.toml or pyproject.toml of the user's is read for Prefect's settings."""
    with contextlib.chdir(os.environ["PREFECT_HOME"]):
        importlib.import_module("prefect.main")


def _authorise(url: str, credentials: str | None) -> None:
    """See whether the server lets us in, before Prefect answers with a page of traceback."""
    user, colon, password = (credentials or "").partition(":")
    asked = (user, password) if colon else None
    try:
        answer = httpx.get(f"{url}/admin/version", timeout=10, auth=asked, trust_env=False)
    except httpx.HTTPError:
        return  # Prefect itself says what is wrong
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise BadInput(
            f"The Prefect server at {url} wants a password: set {auth.CLIENT}=user:password and run again."
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


def _served(home: Home) -> str | None:
    """Address of the server that runs on this home, None where none answers."""
    try:
        url = (home.prefect / "api_url").read_text(encoding="utf-8", errors="replace").strip()
        return url if httpx.get(f"{url}/health", timeout=2, trust_env=False).is_success else None
    except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL):  # ValueError: a port that is none
        return None
