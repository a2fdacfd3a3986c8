"""The engine that the knobs name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from recengine.engine.base import Engine
from recengine.engine.cluster import Ray, check_installed


class Wanted(Protocol):
    """What the knobs say: ``knobs.stages.ClusterConfig``."""

    @property
    def engine(self) -> str:
        """``local`` or ``ray``."""
        ...

    @property
    def ray_address(self) -> str:
        """Of the cluster; empty for one of this machine."""
        ...


@contextmanager
def engine_of(config: Wanted) -> Iterator[Engine | None]:
    """The engine of the block; None is this process, in memory.

    Raises
    ------
    BadInput
        Ray is not installed, or no cluster answers.
    """
    if config.engine == "local":
        yield None
        return
    engine = Ray(config.ray_address)
    try:
        yield engine
    finally:
        engine.close()


def check(config: Wanted) -> None:
    """Look whether the engine can be had, before anything is made.

    Raises
    ------
    BadInput
        Ray is not installed.
    """
    if config.engine == "ray":
        check_installed()
