"""Forks a process per request that publishes and halts at a stage, so that the test can kill it there.

Reads lines ``stage home`` from stdin; answers ``pid`` when the forked process stands at the stage. The
product has no hooks for this: the forked process replaces functions of its own copy.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recengine import publish
from recengine.config import Home
from recengine.runtime import durable
from recengine.serving import tables
from recengine.warehouse.connection import warehouse


def halt(*_: Any, **__: Any) -> None:
    print(os.getpid(), flush=True)
    time.sleep(120)


def after(function: Callable[..., Any], times: int = 1) -> Callable[..., Any]:
    """The function, halting once it has done its work for the given time."""
    done = [0]

    def halting(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        done[0] += 1
        if done[0] == times:
            halt()
        return result

    return halting


def while_building() -> None:
    """In the middle of the transaction that writes the tables: some are there, nothing is committed."""
    run = tables.sqlfiles.run

    def halting(con: Any, name: str, *args: Any, **fragments: Any) -> Any:
        return halt() if name == "publish/similar_movies" else run(con, name, *args, **fragments)

    tables.sqlfiles.run = halting  # type: ignore[assignment]


def after_audits() -> None:
    publish.audit = after(publish.audit)


def after_checkpoint() -> None:
    publish._seal = halt  # type: ignore[assignment]


def at_rename(number: int) -> None:
    """Before the publication's first, second ... rename, when what gets a name is on the disk."""
    replace, before = durable.os.replace, [number - 1]

    def halting(*args: Any) -> None:
        if not before[0]:
            halt()
        before[0] -= 1
        replace(*args)

    durable.os.replace = halting  # type: ignore[assignment]


def before_rename() -> None:
    """Read-only and synced, under its building name."""
    at_rename(1)


def after_rename() -> None:
    publish.point_to = halt  # type: ignore[assignment]


def after_staging_the_link() -> None:
    at_rename(2)


def after_the_link() -> None:
    publish.history.finish = halt  # type: ignore[assignment]


STAGES = {
    stage.__name__: stage
    for stage in (
        while_building,
        after_audits,
        after_checkpoint,
        before_rename,
        after_rename,
        after_staging_the_link,
        after_the_link,
    )
}


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the killed need no waiting for
    for line in sys.stdin:
        stage, home = line.rstrip("\n").split(" ", 1)
        if os.fork() == 0:
            try:
                STAGES[stage]()
                with warehouse(Home(Path(home)).warehouse) as con:
                    publish.publish(con, Home(Path(home)))
            finally:
                print("went through without halting", flush=True)
                os._exit(1)


if __name__ == "__main__":
    main()
