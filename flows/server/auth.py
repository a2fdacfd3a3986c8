"""Credentials of a home's Prefect server: set by the user, or generated here and kept in the home.

Whoever may start a run has code executed by the service's account, and every account of a machine reaches its
loopback. Where the user sets none, ``user:password`` is generated into ``<home>/prefect/auth``, which only the owner
can read; server, worker and command line take it from there.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from recengine.config import Home

CLIENT, SERVER = "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"


def file_of(home: Home) -> Path:
    """Where the generated credentials are."""
    return home.prefect / "auth"


def generated(home: Home) -> str:
    """The home's own credentials, made when missing and anew when another account could have read them."""
    if stored := read_stored(home):
        return stored
    home.prefect.mkdir(mode=0o700, exist_ok=True)
    credentials = f"recengine:{secrets.token_urlsafe(24)}"
    staged = file_of(home).with_name(f".auth.{os.getpid()}")
    staged.unlink(missing_ok=True)
    with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(f"{credentials}\n")
        output.flush()
        os.fsync(output.fileno())
    staged.replace(file_of(home))
    return credentials


def read_stored(home: Home) -> str | None:
    """The home's own credentials if there are any, and this account alone can read them."""
    try:
        handle = os.open(file_of(home), os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(handle) as file:
        status = os.fstat(handle)
        credentials = file.read().strip()
    private = status.st_uid == os.geteuid() and not status.st_mode & 0o077
    return credentials if private and ":" in credentials else None


def for_clients(home: Home, environment: Mapping[str, str]) -> str | None:
    """What a client of this home's server sends: the generated credentials, else those of the environment."""
    return read_stored(home) or environment.get(SERVER) or environment.get(CLIENT)
