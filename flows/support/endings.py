"""How a flow ends: with the reason as its message, an artifact where somebody has something to do, and a note.

An error that a person can cause ends a run as Failed with its one sentence; its traceback stands nowhere, because it
helps nobody. One that nobody expected keeps its traceback. A cancelled run says Cancelled.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import runtime
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Failed

from flows.support import problems
from flows.support.cancellation import RunCancelled
from flows.support.naming import dataset_of
from flows.support.stopping import stopped_when_cancelled
from flows.support.summing import sum_up
from recengine.config import Home
from recengine.serving import runs

_DETAILS: ContextVar[dict[str, Any]] = ContextVar("what a run tells of itself")


def ending(function: Callable[..., Any]) -> Callable[..., Any]:
    """A flow's function that ends as this module says."""

    @functools.wraps(function)
    def run(*arguments: Any, **named: Any) -> Any:
        home, began = Home.place(), runs.now()
        details: dict[str, Any] = {}
        told = _DETAILS.set(details)
        try:
            with _no_tracebacks(home), stopped_when_cancelled(functools.partial(_note_cancelled, began)):
                done = _done(function, home, *arguments, **named)
        except Exception as error:
            _note(home, began, "Failed", f"{type(error).__name__}: {error}", details)
            raise
        finally:
            _DETAILS.reset(told)
        state = done if isinstance(done, State) else None
        name, reason = (state.name or "", state.message or "") if state else ("Completed", "")
        _note(home, began, name, reason, details)
        return done

    return run


def tell(**details: Any) -> None:
    """Remember of the run that is under way what ``recengine.serving.runs.Run`` has fields for."""
    with suppress(LookupError):
        _DETAILS.get().update(details)


def _done(function: Callable[..., Any], home: Path, *arguments: Any, **named: Any) -> Any:
    try:
        return function(*arguments, **named)
    except RunCancelled as error:
        state = Cancelled if error.cancelled else Failed
        return state(message=str(error), data=error)
    except Exception as error:
        sentence = problems.sentence_of(error, home)
        if sentence is None:
            raise
        try:
            page = problems.page(error, sentence, home)
            sum_up(page, "what-to-do", "Why the run failed, and what to do")
        except Exception as problem:  # a full disk is the server's too: the sentence itself is what matters
            logging.getLogger("recengine.endings").warning("No artifact was made: %s", problem)
        return Failed(message=sentence, data=error)


def _note(home: Path, began: datetime, outcome: str, reason: str, details: dict[str, Any]) -> None:
    if not home.is_dir():
        return
    flow_run = runtime.flow_run
    about = {"dataset": dataset_of(Home(home), flow_run.parameters or {})} | details
    ended = {"outcome": outcome, "reason": reason, "began": began, "ended": runs.now()}
    runs.note(Home(home), runs.Run(name=str(flow_run.name), flow=str(flow_run.flow_name), **ended, **about))


def _note_cancelled(began: datetime, name: str, flow: str, reason: str) -> None:
    about = {"outcome": "Cancelled", "reason": reason, "began": began, "ended": runs.now()}
    runs.note(Home(Home.place()), runs.Run(name=name, flow=flow, **about))


class _Sentences(logging.Filter):
    """An expected error is logged as its sentence."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.home = home

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and (sentence := problems.sentence_of(error, self.home)):
            record.exc_info = record.exc_text = None
            record.msg, record.args = "%s", (sentence,)
        return True


@contextmanager
def _no_tracebacks(home: Path) -> Iterator[None]:
    loggers = [logging.getLogger(f"prefect.{name}") for name in ("flow_runs", "task_runs")]
    sentences = _Sentences(home)
    for logger in loggers:
        logger.addFilter(sentences)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(sentences)
