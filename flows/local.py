"""Prefect for a command on one box: its own home under ours, and the running server when there is one."""

from __future__ import annotations

import os
from typing import Any

import httpx

from recengine.config import Home
from recengine.errors import RecengineError


def settle(home: Home) -> None:
    """Set Prefect's environment for this process; must come before Prefect is imported.

    Everything of Prefect's goes under ``<home>/prefect``. With ``recengine serve`` running on this home its
    server is used, so that the run shows in its UI; else Prefect starts a temporary one.
    """
    home.prefect.mkdir(mode=0o750, exist_ok=True)
    os.environ.setdefault("PREFECT_HOME", str(home.prefect))
    os.environ.setdefault("PREFECT_PROFILES_PATH", str(home.prefect / "profiles.toml"))
    # The run and its log go to the server whole; on screen the command prints its own lines.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    served = home.prefect / "api_url"
    if "PREFECT_API_URL" not in os.environ and served.exists() and _answers(served.read_text().strip()):
        os.environ["PREFECT_API_URL"] = served.read_text().strip()
    if "PREFECT_API_URL" not in os.environ:
        os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "true"


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
