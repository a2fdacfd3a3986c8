"""A path as a person gives it: typed, pasted from a file manager or a browser, or left blank."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

from recengine.errors import BadInput

_QUOTES = "'\""
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_FILE_LINK = re.compile(r"file:(?://(?P<host>[^/]*))?(?=/)", re.IGNORECASE)


def user_path(text: str | os.PathLike[str] | None) -> Path | None:
    """The path that a person means; None where they gave nothing, or only blanks.

    What exists under exactly this name is taken as it is. Else blanks around it, a pair of quotes around it and
    the ``file://`` of a link are no part of it. ``~`` is the folder of the account that reads it.

    Parameters
    ----------
    text : str or path, optional
        From a form, an option or the environment.

    Raises
    ------
    BadInput
        It is an address on the network, or no path at all.
    """
    typed = "" if text is None else os.fspath(text)
    if "\0" in typed:
        raise BadInput(f"{typed!r} is no path: it holds a NUL character.")
    exact = os.path.expanduser(typed)
    if typed.strip() and os.path.lexists(exact):
        return Path(exact)
    path = os.path.expanduser(_cleaned(typed))
    return Path(path) if path else None


def _cleaned(typed: str) -> str:
    path = typed.strip()
    if len(path) > 1 and path[0] == path[-1] and path[0] in _QUOTES:
        path = path[1:-1]
    if link := _FILE_LINK.match(path):
        if (link["host"] or "localhost").lower() != "localhost":
            raise BadInput(f"{path} lies on another machine, {link['host']}; give a path on this one.")
        path = unquote(path[link.end() :])
    elif _ADDRESS.match(path):
        raise BadInput(
            f"{path} is an address, not a path; download it and give the folder or zip on this machine."
        )
    return path if path.strip() else ""
