"""Shards on files: ``snapshots/<fingerprint>/shards/<k>/`` is a snapshot of the users of shard k alone.

Whoever works on a shard maps its folder and nothing else. Which users are in which shard is a part of the data
(``Snapshot.shards``), never of the cluster. The files are the same bytes whenever they are written.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from recengine.dataset import Snapshot
from recengine.runtime import durable

ROOM = "shards"
WORK = "work"  # what shards were computed to, until it is put together


def folder_of(snapshot_folder: Path, shard: int) -> Path:
    """Where a shard lies; names sort as the shards do."""
    return snapshot_folder / ROOM / f"{shard:05d}"


def work_folder(snapshot_folder: Path, key: str) -> Path:
    """Where the results of a piece of work on shards lie until they are put together."""
    return snapshot_folder / WORK / key


def write(snapshot: Snapshot, snapshot_folder: Path) -> list[Path]:
    """Write what is not there yet of a snapshot's shards; one after the other, so that one at a time is in memory.

    Parameters
    ----------
    snapshot : Snapshot
    snapshot_folder : Path
        Its own.

    Returns
    -------
    list of Path
        A folder per shard, in the order of ``snapshot.shards``.
    """
    folders = []
    for shard, users in enumerate(snapshot.shards):
        folder = folder_of(snapshot_folder, shard)
        if not is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            with durable.new_folder(folder) as partial:
                snapshot.of_users(users).save(partial)
        folders.append(folder)
    return folders


def load(snapshot_folder: Path, shard: int) -> Snapshot:
    """The users of one shard, numbered from 0, with all movies; nothing else of the snapshot is read."""
    return Snapshot.load(folder_of(snapshot_folder, shard))


def is_whole(folder: Path) -> bool:
    """Whether a sealed folder is there as it was written."""
    return durable.is_sealed(folder) and durable.problem_of(folder) is None
