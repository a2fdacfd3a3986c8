"""Where things are taken, as people write it: a folder, an address, or the name of a place that holds an address.

An address is stored with a run's settings and shown in forms and logs, so none may hold a password. One that must
is kept in an environment variable (``env:NAME``), or in whatever else has been offered as a place (``offer``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from recengine.errors import BadInput

_ADDRESS = re.compile(r"(?!file:)[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PLACE = re.compile(r"([a-z]+):([\w./-]+)")
_SECRETS = ("password", "sslpassword", "passwd", "secret", "token", "aws_secret_access_key")

SECRET_REFUSED = (
    "An address with a password in it would be stored and shown; leave it out, and put it into the environment "
    "(PGPASSWORD or a .pgpass file, AWS_SECRET_ACCESS_KEY), or the whole address into a variable of your own, "
    "named as env:NAME"
)


def is_address(text: str) -> bool:
    """Whether it begins like ``scheme://``."""
    return _ADDRESS.match(text) is not None


def is_place(text: str) -> bool:
    """Whether it names a place that holds an address, such as ``env:DATABASE_URL``."""
    return not is_address(text) and _PLACE.fullmatch(text) is not None


def has_secret(text: str) -> bool:
    """Whether an address holds what nobody may see."""
    if not is_address(text):
        return False
    _, _, rest = text.partition("://")
    before, at, _ = rest.rpartition("@")
    try:
        named = parse_qsl(urlsplit(text).query, keep_blank_values=True)
    except ValueError:
        return bool(at)
    return (bool(at) and ":" in before) or any(name.lower() in _SECRETS for name, _ in named)


def shown(text: str) -> str:
    """An address for people: nothing of what stands before its host or after its path."""
    if not is_address(text):
        return text
    scheme, _, rest = text.partition("://")
    return f"{scheme}://{re.split('[?#]', rest.rpartition('@')[2])[0]}"


def looked_up(text: str) -> str:
    """The address that a place holds; any other text is itself.

    Raises
    ------
    BadInput
        There is no such place, or nothing in it.
    """
    if not is_place(text):
        return text
    place, _, name = text.partition(":")
    if place not in _PLACES:
        known = ", ".join(f"{other}:NAME" for other in _PLACES)
        raise BadInput(f"No address can be kept in {place}: here; name a place as {known}.")
    return _PLACES[place](name)


def offer(place: str, held_in: Callable[[str], str]) -> None:
    """Let ``place:NAME`` stand for what ``held_in(NAME)`` gives, in this process."""
    _PLACES[place] = held_in


def _variable(name: str) -> str:
    if not (held := os.environ.get(name)):
        raise BadInput(
            f"The environment variable {name}, which should hold an address, is not set; set it where the "
            "export runs."
        )
    return held


_PLACES: dict[str, Callable[[str], str]] = {"env": _variable}
