"""What an engine is: the same function over a list of tasks, results in the tasks' order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from recengine.errors import RecengineError

Task = TypeVar("Task")
Result = TypeVar("Result")


class ShardFailed(RecengineError):
    """A shard whose work failed as often as it may be tried."""

    def __init__(self, shard: int, tries: int, problem: str) -> None:
        self.shard, self.tries, self.problem = shard, tries, problem
        times = "once" if tries == 1 else f"{tries} times"
        super().__init__(
            f"Shard {shard} was tried {times} and failed ({problem}); what other shards wrote stays: "
            "mend what it says and run again."
        )


class NodesLost(RecengineError):
    """A cluster that has been without CPUs for so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The Ray cluster has had no CPUs for {seconds:.0f} s: its nodes are lost; "
            "start some and run again, what they finished stays."
        )


class TrainingFailed(RecengineError):
    """A training by several processes that failed as often as it may be tried."""

    def __init__(self, tries: int, problem: str) -> None:
        super().__init__(
            f"The training on the cluster was tried {tries} times and failed ({problem}); "
            "mend what it says and run again, or train with --engine local."
        )


class Engine(Protocol):
    """Both engines give the same results: shards are a part of the data, and results come in their order."""

    def map(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """Results of ``work`` for every task, in the order of ``tasks``.

        Parameters
        ----------
        work : callable
            A module's function that another process can import. It may be called more than once for a task.
        tasks : sequence
            Small: paths and numbers, never arrays.

        Raises
        ------
        ShardFailed
            Naming the first task, by its place, that failed as often as it may be tried.
        """
        ...

    def together(self, work: Callable[[Task, str], None], task: Task, room: Path) -> None:
        """Have ``work(task, device)`` done by several processes at once, which one torch process group connects.

        ``room`` is a folder that all of them see, for what the engine notes.

        Raises
        ------
        TrainingFailed
            As often as it may be tried: what one process loses all begin anew.
        """
        ...
