"""Sums over a snapshot's users, shard by shard: in this process, or as an engine's tasks on files.

Both add the same shards in the same order, so that both give the same bits, whoever computed a shard and when.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recengine.dataset import Snapshot
from recengine.engine.base import Engine
from recengine.runtime import durable
from recengine.runtime.identity import code_identity
from recengine.runtime.threads import own_threads
from recengine.shards import files

Plan = Mapping[str, Any]
"""What a shard's work is told: arrays and numbers by name."""

Work = Callable[[Snapshot, Plan], NDArray[Any]]
"""A module's function: what one shard adds to the sum. It gets the shard as a snapshot of its own."""

PLAN, SUMS = "plan.npz", "sums.npy"


class Part(NamedTuple):
    """The work on one shard: where it is done, and on what."""

    work: Work
    room: Path
    snapshot_folder: Path
    shard: int


@dataclass(frozen=True)
class Spread:
    """Where a fit's sums over the users of one snapshot are computed.

    Attributes
    ----------
    engine : Engine
    snapshot_folder : Path
        Seen by every worker under this path. Shards are written into it, and what they add to a sum, until that is
        there: a night that was cut off does not compute it again.
    """

    engine: Engine
    snapshot_folder: Path

    def total(self, work: Work, plan: Plan) -> NDArray[Any]:
        """The sum over the shards of ``work(shard, plan)``; this process holds it and, mapped, one shard's part.

        Raises
        ------
        ShardFailed
            A shard's work failed as often as it may be tried; what others computed stays.
        """
        return self._of(work, plan, added)

    def stacked(self, work: Work, plan: Plan) -> NDArray[Any]:
        """What ``work(shard, plan)`` gives for the users of every shard, one shard's below the other's."""
        return self._of(work, plan, lambda parts: np.concatenate([*parts]))

    def _of(
        self, work: Work, plan: Plan, put_together: Callable[[Iterable[NDArray[Any]]], NDArray[Any]]
    ) -> NDArray[Any]:
        shards = files.write(Snapshot.load(self.snapshot_folder), self.snapshot_folder)
        room = files.work_folder(self.snapshot_folder, _key(work, plan))
        room.mkdir(parents=True, exist_ok=True)
        with durable.new_file(room / PLAN) as partial, partial.open("wb") as file:
            np.savez(file, **plan)
        tasks = [Part(work, room, self.snapshot_folder, shard) for shard in range(len(shards))]
        found = put_together(
            np.load(Path(path) / SUMS, mmap_mode="r") for path in self.engine.map(compute, tasks)
        )
        shutil.rmtree(room)
        return found


class OverShards:
    """A model whose fit has sums over users, or a training, that an engine may compute: where, if not here.

    Attributes
    ----------
    spread : Spread or None
        Of the snapshot that it is fitted on next.
    """

    spread: Spread | None = None


def total(snapshot: Snapshot, work: Work, plan: Plan, spread: Spread | None = None) -> NDArray[Any]:
    """The sum over a snapshot's shards of ``work(shard, plan)``, in this process where nothing else is said."""
    if spread is not None:
        return spread.total(work, plan)
    shards = snapshot.shards
    return added(work(snapshot if len(shards) == 1 else snapshot.of_users(users), plan) for users in shards)


def added(parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """The sum of arrays of one shape, at least one, in their order; the first one is written to where it may be."""
    sums: NDArray[Any] | None = None
    for part in parts:
        if sums is None:
            sums = part if part.flags.writeable else np.array(part)
        else:
            sums += part
    assert sums is not None
    return sums


def compute(part: Part) -> str:
    """Do the work on one shard, unless it is there, and leave it on file; returns the folder that has it.

    Nothing but the shard and the plan is read.
    """
    folder = part.room / f"{part.shard:05d}"
    if not files.is_whole(folder):
        shutil.rmtree(folder, ignore_errors=True)
        with np.load(part.room / PLAN) as plan, own_threads():
            sums = part.work(files.load(part.snapshot_folder, part.shard), dict(plan))
        with durable.new_folder(folder) as partial:
            np.save(partial / SUMS, sums)
    return str(folder)


def _key(work: Work, plan: Plan) -> str:
    """What the sums depend on beside the snapshot: the code, and what it is told."""
    digest = hashlib.sha256(f"{code_identity()} {work.__module__}.{work.__qualname__}".encode())
    for name in sorted(plan):
        digest.update(f" {name} ".encode() + np.asarray(plan[name]).tobytes())
    return digest.hexdigest()[:16]
