"""Prefect for a command on one box: its own home under ours, and the running server when there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx

from recengine.config import Home
from recengine.errors import BadInput, RecengineError

AUTH, SERVER_AUTH = "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"


def settle(home: Home) -> None:
    """Set Prefect's environment for this process; must come before Prefect is imported.

    Everything of Prefect's goes under ``<home>/prefect``. With ``recengine serve`` running on this home its
    server is used, so that the run shows in its UI; else Prefect starts a temporary one.

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
    else:
        os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "true"


@contextmanager
def server() -> Iterator[None]:
    """Where no server runs, start Prefect's temporary one, a process of its own, beside what the block does."""
    if "PREFECT_API_URL" in os.environ:
        yield
        return
    from prefect.server.api.server import SubprocessASGIServer

    with ThreadPoolExecutor(max_workers=1) as beside:
        started = beside.submit(SubprocessASGIServer().start)  # the one that flows will ask for
        yield
        started.result()


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
