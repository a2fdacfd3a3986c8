"""The engine of one box: shard after shard, in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from recengine.engine.base import Result, ShardFailed, Task
from recengine.errors import RecengineError


class Local:
    """Walks the tasks in their order; each once, for what fails in this process fails again."""

    def map(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """Results in the order of ``tasks``; see ``Engine.map``."""
        return [_one(work, task, shard) for shard, task in enumerate(tasks)]

    def together(self, work: Callable[[Task, str], None], task: Task, room: Path) -> None:
        """By this process alone, on its CPUs; see ``Engine.together``."""
        work(task, "cpu")


def _one(work: Callable[[Task], Result], task: Task, shard: int) -> Result:
    try:
        return work(task)
    except (RecengineError, MemoryError):
        raise  # says already what to do
    except Exception as problem:
        raise ShardFailed(shard, 1, f"{type(problem).__name__}: {problem}") from problem
