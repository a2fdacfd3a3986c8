"""The words that let somebody into a home's Prefect server: given by the user, or made here and kept in the home.

Whoever may start a run has code executed by the service's account, and every account of a machine reaches its
loopback. Without words of the user's own, ``user:password`` is generated into ``<home>/prefect/auth``, which only
the owner can read; server, worker and command line take it from there.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from recengine.config import Home

CLIENT, SERVER = "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"


def file_of(home: Home) -> Path:
    """Where the generated words are."""
    return home.prefect / "auth"


def generated(home: Home) -> str:
    """The home's own words, made when missing and anew when another account could have read them."""
    if known := kept(home):
        return known
    home.prefect.mkdir(mode=0o700, exist_ok=True)
    words = f"recengine:{secrets.token_urlsafe(24)}"
    staged = file_of(home).with_name(f".auth.{os.getpid()}")
    staged.unlink(missing_ok=True)
    with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(f"{words}\n")
        output.flush()
        os.fsync(output.fileno())
    staged.replace(file_of(home))
    return words


def kept(home: Home) -> str | None:
    """The home's own words if there are any, and this account alone can read them."""
    try:
        handle = os.open(file_of(home), os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(handle) as file:
        found = os.fstat(handle)
        words = file.read().strip()
    private = found.st_uid == os.geteuid() and not found.st_mode & 0o077
    return words if private and ":" in words else None


def for_clients(home: Home, environment: Mapping[str, str]) -> str | None:
    """What a client of this home's server sends: the generated words, else those of the environment."""
    return kept(home) or environment.get(SERVER) or environment.get(CLIENT)
