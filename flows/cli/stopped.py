"""Ctrl-C: the command ends soon, with a sentence that says what was kept."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

STATUS = 130  # what a shell reads as: ended by Ctrl-C
PATIENCE_SECONDS = 3.0  # a loop in C, and a pool that waits for its last task, hear no signal

_last = list[Callable[[], None]]()

_STAGE = "what readers see stays as it is, and what was not finished is put right by the next command"
_KEPT = {
    "run": "what readers see stays as it is; stages that had finished are kept, and the next `recengine run` goes on "
    "after them",
    "publish": "readers see the version they saw, or the new one whole; `recengine status` says which",
    "rollback": "readers see the version they saw, or the earlier one; `recengine status` says which",
    "tune": "the trials that had finished are kept, and the next `recengine tune` goes on after them",
    "download": "what was fetched is kept, and the next `recengine download` goes on after it",
    "generate": "nothing of a folder that was not finished is kept",
    "forget": "run it again: what it had not finished, it does then",
    "export": "what is published stays as it is; run `recengine export` again for a whole export",
} | dict.fromkeys(("ingest", "features", "train", "score"), _STAGE)


def sentence(command: str | None) -> str:
    """What a command that was stopped leaves behind."""
    return f"Stopped: {_KEPT.get(command or '', 'nothing was changed')}."


@contextmanager
def last(what: Callable[[], None]) -> Iterator[None]:
    """While the block runs, Ctrl-C does this, and then ends the process where it is, as a power cut would."""
    _last.append(what)
    try:
        yield
    finally:
        _last.remove(what)


@contextmanager
def ends_on_interrupt(command: Callable[[], str | None]) -> Iterator[None]:
    """While the block runs, Ctrl-C ends the process: by unwinding what is open, else, after some seconds, at once.

    Parameters
    ----------
    command : function
        Called when it has come to that: which command ran.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, lambda *_: _end(command()))
        threading.Thread(target=_end_later, args=(command(),), name="stopping", daemon=True).start()
        if not _last:
            raise KeyboardInterrupt
        threading.Thread(target=_do_last, args=(command(),), name="last", daemon=True).start()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    except KeyboardInterrupt:
        atexit._run_exitfuncs()  # a server that this process started ends with it
        _end(command())
    finally:
        signal.signal(signal.SIGINT, before)


def _end_later(command: str | None) -> None:
    time.sleep(PATIENCE_SECONDS)
    _end(command)


def _do_last(command: str | None) -> None:
    for what in [*_last]:
        with suppress(Exception):  # the process ends all the same
            what()
    _end(command)


def _end(command: str | None) -> NoReturn:
    """Without what libraries complain of when an interpreter ends in the middle of their work."""
    os.write(
        2, f"\r\x1b[K{sentence(command)}\n".encode() if os.isatty(2) else f"{sentence(command)}\n".encode()
    )
    os._exit(STATUS)
