"""Training that several processes of an engine share, on files: what a rank needs, and what the first one leaves."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor

from recengine.dataset import Snapshot
from recengine.models.base import ModelConfig, OnProgress, silent
from recengine.models.parts.minibatches import Group, HeldOut
from recengine.models.spread import Spread
from recengine.runtime import durable
from recengine.runtime.identity import code_identity
from recengine.runtime.threads import own_threads
from recengine.shards import files

BEGIN, END, SAID = "begin.safetensors", "end.safetensors", "said.json"
PART, UNSEEN, DONE = "snapshot", "held_out.npz", "done"


class Trainable(Protocol):
    """A model that trains by passes over users, from where its tensors stand."""

    config: ModelConfig
    history: list[dict[str, float]]

    def train_on(
        self, snapshot: Snapshot, epochs: int, unseen: HeldOut | None, on_progress: OnProgress = silent
    ) -> int:
        """So many passes, fewer where ratings held out say so; the best one's number.

        The ranks of a ``Group`` share each batch.
        """
        ...

    def state(self) -> dict[str, Tensor]:
        """The learned tensors by name."""
        ...

    def restore(self, state: dict[str, Tensor]) -> Self:
        """Take back what ``state`` gave."""
        ...

    def to(self, device: str) -> Self:
        """Train on this device from now on."""
        ...


class Rank(NamedTuple):
    """What every rank is told."""

    model: type[Any]
    config: ModelConfig
    room: Path
    snapshot_folder: Path
    epochs: int


@dataclass(frozen=True)
class Together:
    """Where a training is shared: the engine, and the snapshot's folder that every rank sees."""

    spread: Spread

    def train(self, model: Trainable, snapshot: Snapshot, epochs: int, unseen: HeldOut | None) -> int:
        """``model.train_on`` by the engine's ranks; the model has their weights and history then.

        A training that was finished before a run was cut off is not done again: its files stay until ``put_away``.

        Raises
        ------
        TrainingFailed
            As often as it may be tried.
        """
        folder = self.spread.snapshot_folder
        key = f"{code_identity()} {snapshot.fingerprint} {epochs} {model.config.model_dump_json()}"
        room = files.work_folder(folder, f"train-{hashlib.sha256(key.encode()).hexdigest()[:16]}")
        if not files.is_whole(room / DONE):
            shutil.rmtree(room, ignore_errors=True)
            room.mkdir(parents=True)
            if snapshot.fingerprint != Snapshot.load(folder).fingerprint:
                folder = room / PART
                snapshot.save(folder)
            save_file(model.state(), room / BEGIN)
            if unseen is not None:
                np.savez(room / UNSEEN, **unseen._asdict())
            told = Rank(type(model), model.config, room, folder, epochs)
            self.spread.engine.together(train_rank, told, room)
        said = json.loads((room / DONE / SAID).read_text(encoding="utf-8"))
        model.restore(load_file(room / DONE / END))
        model.history = said["history"]
        return int(said["best"])

    def put_away(self) -> None:
        """The model is fitted: what trainings left goes."""
        for room in files.work_folder(self.spread.snapshot_folder, "").glob("train-*"):
            shutil.rmtree(room)


def train_rank(rank: Rank, device: str) -> None:
    """Take part in a training; the first rank leaves what came of it."""
    snapshot = Snapshot.load(rank.snapshot_folder)
    model: Trainable = rank.model(rank.config).restore(load_file(rank.room / BEGIN)).to(device)
    unseen = None
    if (file := rank.room / UNSEEN).exists():
        with np.load(file) as arrays:
            unseen = HeldOut(**arrays)
    with own_threads():
        best = model.train_on(snapshot, rank.epochs, unseen)
    if Group.of_this_process().rank == 0:
        _leave(model.state(), best, model.history, rank.room / DONE)


def _leave(state: dict[str, Tensor], best: int, history: Sequence[dict[str, float]], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with durable.new_folder(folder) as partial:
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, partial / END)
        (partial / SAID).write_text(json.dumps({"best": best, "history": [*history]}))
