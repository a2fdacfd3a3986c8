"""What the command line prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import logging
import math
import os
import re
import shlex
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from flows.cli.options import Format
from recengine.serving.escaping import printable

if TYPE_CHECKING:
    import pandas as pd

    from recengine.models.base import OnProgress

out = Console(width=None if sys.stdout.isatty() else 120)
_SCREEN = threading.RLock()


class _Screen(Console):
    """A terminal on which one thread at a time puts something together and writes it.

    Rich alone writes what two threads put together in either order: a line goes missing, a bar stays.
    """

    def print(self, *what: Any, **how: Any) -> None:
        """What is printed is there when the next one begins."""
        with _SCREEN:
            super().print(*what, **how)


err = _Screen(stderr=True)

_READ_AT_ONCE = 80  # letters of one word


def speak(level: int) -> None:
    """Show the engine's log lines of a level and above, one per stage, on stderr.

    A line that no terminal reads stays one line: a log is searched by lines.
    """
    handler: logging.Handler = logging.StreamHandler()
    handler.setFormatter(_Plain("%(asctime)s %(message)s", "%H:%M:%S"))
    if err.is_terminal:
        handler = RichHandler(
            console=err, show_path=False, show_level=False, markup=False, log_time_format="%H:%M:%S"
        )
        handler.setFormatter(_Plain("%(message)s"))
    logger = logging.getLogger("recengine")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False


def _hears(level: int) -> bool:
    """Whether lines of a level are wanted."""
    return logging.getLogger("recengine").isEnabledFor(level)


def trace() -> None:
    """The traceback of the error at hand, where details are wanted."""
    if _hears(logging.DEBUG):
        err.print(Text(printable(traceback.format_exc())), soft_wrap=True)


def say(text: str) -> None:
    """A plain line on stderr, unless only warnings are wanted."""
    if not _hears(logging.INFO):
        return
    err.print(Text(printable(text)), soft_wrap=True)


def complain(text: str) -> None:
    """An error's sentence on stderr."""
    err.print(Text("Error: ", style="bold red") + Text(printable(text)), soft_wrap=True)


def shell(path: os.PathLike[str]) -> str:
    """A path as a word of a shell's command line, to be copied from the screen; what cannot be shown is escaped."""
    text = os.fspath(path)
    if text.isprintable():
        return shlex.quote(text)
    shown = (char if char.isprintable() and char not in "'\\" else _bytes(char) for char in text)
    return f"$'{''.join(shown)}'"


def _bytes(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(char))


class _Plain(logging.Formatter):
    """Log lines as plain as everything else: a folder's name may hold anything."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class _Done(MofNCompleteColumn):
    """How much of how much; nothing where nobody knows."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.total else Text()


@contextmanager
def busy(what: str) -> Iterator[None]:
    """A moving bar on a terminal's stderr while work of unknown length runs."""
    with progress() as on_progress:
        on_progress(what, 0, 0)
        yield


@contextmanager
def progress() -> Iterator[OnProgress]:
    """Progress bars on a terminal's stderr while long work runs; yields the callback.

    A total of 0 says that nobody knows how much there is to do. What is done leaves the screen.
    """
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    columns = (TextColumn("{task.description}"), BarColumn(), _Done(), *times)
    shown = err.is_terminal and _hears(logging.INFO)
    with Progress(*columns, console=err, transient=True, disable=not shown) as bars:
        bars.live._lock = _SCREEN  # drawn by a thread of its own
        tasks: dict[str, Any] = {}

        def on_progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            over = bool(total) and done >= total
            bars.update(tasks[what], completed=done, total=total or None, visible=not over)
            for name in filter(lambda name: over and name.startswith(f"{what}: "), [*tasks]):
                bars.update(tasks[name], visible=False)  # a part that was cut off

        yield on_progress


def show(frame: pd.DataFrame, form: Format, title: str | None = None) -> None:
    """A result on stdout: a table to read, or csv or JSON for programs."""
    if form == "csv":
        text = _lists_as_json(frame).to_csv(index=False)
        print(printable(text) if sys.stdout.isatty() else text, end="")
    elif form == "json":
        text = frame.to_json(orient="records", date_format="iso", double_precision=10, force_ascii=False)
        print(_escaped(text))
    else:
        table = Table(title=title, title_justify="left")
        for name in frame.columns:
            number = frame[name].dtype.kind in "iuf"
            table.add_column(
                Text(printable(str(name))),
                justify="right" if number else "left",
                no_wrap=number,
                overflow="fold",
            )
        for row in frame.itertuples(index=False):
            table.add_row(*(Text(_cell(value)) for value in row))
        out.print(table)


def show_facts(facts: Mapping[str, Any], form: Format, what: str) -> None:
    """Named values, a row each: to read, rounded and with those of a group one by one; as csv in full."""
    import pandas as pd

    rows = {name: str(value) for name, value in facts.items()}
    if form == "table":
        rows = {name: _cell(value) for name, value in _one_by_one(facts)}
    show(pd.DataFrame({what: list(rows), "value": list(rows.values())}), form)


def _one_by_one(facts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _one_by_one(value, f"{above}{name} ")
        else:
            yield f"{above}{name}", _short(value)


def _short(value: Any) -> Any:
    """Bytes written as letters, which nobody reads, by their beginning."""
    text = isinstance(value, str) and len(value) > _READ_AT_ONCE and not re.search(r"\s", value)
    return f"{value[:_READ_AT_ONCE]}…" if text else value


def show_list(frame: pd.DataFrame, title: str) -> None:
    """A list of recommendations to read: predicted ratings only where there are any."""
    unread = ["source"] + ["predicted_rating"] * bool(frame["predicted_rating"].isna().all())
    show(frame.drop(columns=unread), "table", title)


def show_json(value: Any) -> None:
    """A value as JSON on stdout."""
    print(_escaped(json.dumps(_finite(value), default=str, ensure_ascii=False, indent=1)))


def _escaped(text: str) -> str:
    """JSON with the control characters that JSON itself would let through written as escapes."""
    return re.sub(r"[\x7f-\x9f\u202a-\u202e\u2066-\u2069]", lambda char: f"\\u{ord(char[0]):04x}", text)


def _finite(value: Any) -> Any:
    """The same value with null for what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _lists_as_json(frame: pd.DataFrame) -> pd.DataFrame:
    """Lists (a movie's genres) as JSON, so that a csv cell can be read back."""
    lists = [name for name in frame.columns if frame[name].map(lambda cell: hasattr(cell, "tolist")).any()]
    texts = {
        name: frame[name].map(
            lambda cell: (
                json.dumps(cell.tolist(), default=str, ensure_ascii=False)
                if hasattr(cell, "tolist")
                else cell
            )
        )
        for name in lists
    }
    return frame.assign(**texts)


def _cell(value: Any) -> str:
    if value is None or (str(value) in ("nan", "NaT", "<NA>") and not isinstance(value, str)):
        return ""
    if (hasattr(value, "dtype") and value.dtype.kind == "f") or isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    if hasattr(value, "tolist") and not isinstance(value, str):
        value = value.tolist()
    if isinstance(value, list):
        return printable(", ".join(map(str, value)))
    return printable(str(value))
