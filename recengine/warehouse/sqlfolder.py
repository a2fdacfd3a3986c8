"""A folder of SQL files that somebody else wrote, read as texts."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from recengine.errors import BadInput


class Text(NamedTuple):
    """What a file says, before anybody has looked at it."""

    path: Path
    text: str


def texts_in(folder: Path) -> list[Text]:
    """The ``.sql`` files of a folder, by name; neither hidden ones nor those in folders below it.

    Raises
    ------
    BadInput
        There is no such folder, or a file cannot be read.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder of rules; give one with .sql files, or make it.")
    files = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() == ".sql" and not file.name.startswith(".") and not file.is_dir()
    )
    return [Text(file, _read(file)) for file in files]


def named_texts_in(folder: Path) -> list[Text]:
    """The same of a folder that somebody has named.

    Raises
    ------
    BadInput
        As ``texts_in`` does; and where it holds none: lists without any rule are not what was asked for.
    """
    if texts := texts_in(folder):
        return texts
    raise BadInput(f"{folder} holds no rule, no file that ends with .sql; name another folder, or none.")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not written in UTF-8; save it as UTF-8, or take it away.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); mend it or take it away.") from error
