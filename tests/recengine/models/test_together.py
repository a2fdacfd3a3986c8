"""Training by several processes: the same steps as by one, so the same weights but for rounding."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from recengine.dataset import Snapshot
from recengine.errors import RecengineError
from recengine.models import make
from recengine.models.parts.minibatches import Group, uniform
from recengine.models.sae import Sae
from recengine.models.spread import Spread
from recengine.shards import files

TOLERANCE = 0.01  # stars, of any prediction, whatever the number of ranks


@dataclass
class Ranks:
    """An engine of processes of this machine; it counts its trainings, and ends as it is told to."""

    ranks: int = 2
    until: int = 10**6
    trained: list[int] = field(default_factory=list)

    def together(self, work: Callable[[Any, str], None], task: Any, room: Path) -> None:
        if len(self.trained) == self.until:
            raise RecengineError("cut off")
        self.trained.append(task.epochs)
        if self.ranks == 1:
            work(task, "cpu")
            return
        context, asked = multiprocessing.get_context("spawn"), pickle.dumps((work, task))
        told = [(rank, self.ranks, str(room / "store"), asked) for rank in range(self.ranks)]
        processes = [context.Process(target=as_a_rank, args=one) for one in told]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0] * self.ranks


def as_a_rank(rank: int, ranks: int, store: str, asked: bytes) -> None:
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=ranks)
    work, task = pickle.loads(asked)
    work(task, "cpu")
    dist.destroy_process_group()


def trained(snapshot: Snapshot, engine: Any = None, folder: Path | None = None) -> Sae:
    model = make("sae", epochs=6, batch_size=16)
    assert isinstance(model, Sae)
    if engine is not None and folder is not None:
        model.spread = Spread(engine, folder)
    return model.fit(snapshot)


@pytest.fixture
def folder(small: Snapshot, tmp_path: Path) -> Path:
    small.save(tmp_path / "snapshot")
    return tmp_path / "snapshot"


@pytest.mark.parametrize("ranks", [1, 3])
def test_any_number_of_ranks_takes_the_steps_of_one_process(folder: Path, ranks: int) -> None:
    snapshot = Snapshot.load(folder)
    here, there = trained(snapshot), trained(snapshot, Ranks(ranks), folder)
    one, other = (model.score(snapshot, slice(None)) for model in (here, there))
    assert float((one - other).abs().max()) < TOLERANCE
    assert float((one - one.mean()).abs().max()) > 50 * TOLERANCE
    np.testing.assert_allclose(
        [entry["validation"] for entry in there.history],
        [entry["validation"] for entry in here.history],
        atol=TOLERANCE / 10,
    )
    assert [*(folder / files.WORK).iterdir()] == []


def test_a_training_that_was_finished_is_not_done_again(folder: Path) -> None:
    snapshot = Snapshot.load(folder)
    with pytest.raises(RecengineError, match="cut off"):
        trained(snapshot, Ranks(1, until=1), folder)  # the first, which finds the epoch, is done
    again = Ranks(1)
    there = trained(snapshot, again, folder)
    assert len(again.trained) == 1
    assert torch.equal(there.score(snapshot, slice(None)), trained(snapshot).score(snapshot, slice(None)))


def test_what_is_hidden_is_a_function_of_pair_seed_and_epoch() -> None:
    users, movies = np.arange(2000) % 50, np.arange(2000) // 50
    drawn = uniform(users, movies, seed=3, epoch=1)
    np.testing.assert_array_equal(drawn[7:9], uniform(users[7:9], movies[7:9], seed=3, epoch=1))
    assert abs(drawn.mean() - 0.5) < 0.02
    assert abs(np.corrcoef(drawn, uniform(users, movies, seed=3, epoch=2))[0, 1]) < 0.08
    assert abs(np.corrcoef(drawn, uniform(users, movies, seed=4, epoch=1))[0, 1]) < 0.08
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.08


def test_parts_of_a_range_are_all_of_it() -> None:
    parts = [Group(rank, 3).part(10, 20) for rank in range(3)]
    assert parts == [(10, 13), (13, 16), (16, 20)]
    assert Group().part(10, 20) == (10, 20)
