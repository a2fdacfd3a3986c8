"""Engines: the same results in the same order, and a shard that fails is named."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recengine.dataset import Snapshot
from recengine.engine.base import ShardFailed, TrainingFailed
from recengine.engine.cluster import Ray
from recengine.engine.local import Local
from recengine.errors import BadInput
from recengine.models import make
from recengine.models.spread import OverShards, Spread
from recengine.shards import files


def counted(task: tuple[Path, int]) -> NDArray[np.int64]:
    """How many of a shard's users rated each movie."""
    shard = files.load(*task)
    return np.bincount(shard.ratings.indices, minlength=shard.movies)


def third_fails(task: tuple[Path, int]) -> int:
    """Each try leaves a line; the third task fails always."""
    folder, shard = task
    with (folder / f"tries-{shard}").open("a") as tries:
        tries.write("x")
    if shard == 2:
        raise ValueError("no such thing")
    return shard


def dies_once(task: tuple[Path, int]) -> int:
    """The second task's first worker is lost as by kill -9."""
    folder, shard = task
    with (folder / f"tries-{shard}").open("a") as tries:
        tries.write("x")
    if shard == 1 and (folder / "tries-1").read_text() == "x":
        os._exit(9)
    return shard


def tries(folder: Path) -> list[int]:
    return [len(file.read_text()) for file in sorted(folder.glob("tries-*"))]


def total(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return reduce(np.add, parts)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Ray]:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'recengine[ray]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        engine = Ray(num_cpus=2)
        yield engine
        engine.close()


def test_local_counts_of_shards_sum_to_the_whole(small: Snapshot, tmp_path: Path) -> None:
    tasks = [
        (tmp_path, shard) for shard in range(len(files.write(replace(small, shard_ratings=120), tmp_path)))
    ]
    whole = np.bincount(small.ratings.indices, minlength=small.movies)
    assert len(tasks) == 9
    assert total(Local().map(counted, tasks)).tolist() == whole.tolist()


def test_local_names_the_shard_that_fails_and_what_was_done_stays(tmp_path: Path) -> None:
    with pytest.raises(
        ShardFailed, match=r"^Shard 2 was tried once and failed \(ValueError: no such thing\); "
    ):
        Local().map(third_fails, [(tmp_path, shard) for shard in range(4)])
    assert tries(tmp_path) == [1, 1, 1]


def test_without_ray_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInput, match=r"^The engine ray needs Ray, .*pip install 'recengine\[ray\]'"):
        Ray()


def test_ray_gives_what_local_gives(cluster: Ray, small: Snapshot, tmp_path: Path) -> None:
    tasks = [
        (tmp_path, shard) for shard in range(len(files.write(replace(small, shard_ratings=120), tmp_path)))
    ]
    here, there = Local().map(counted, tasks), cluster.map(counted, tasks)
    assert [part.tobytes() for part in there] == [part.tobytes() for part in here]


def test_a_lost_worker_s_task_alone_is_done_again(cluster: Ray, tmp_path: Path) -> None:
    assert cluster.map(dies_once, [(tmp_path, shard) for shard in range(4)]) == [0, 1, 2, 3]
    assert tries(tmp_path) == [1, 2, 1, 1]


def test_ray_names_the_shard_that_always_fails_after_its_retries(cluster: Ray, tmp_path: Path) -> None:
    with pytest.raises(
        ShardFailed, match=r"^Shard 2 was tried 3 times and failed \(ValueError: no such thing\)"
    ):
        cluster.map(third_fails, [(tmp_path, shard) for shard in range(4)])
    assert tries(tmp_path)[:3] == [1, 1, 3]


@pytest.mark.parametrize("name", ["popularity", "ease", "hybrid"])
def test_a_model_fitted_on_a_cluster_has_the_bits_of_one_fitted_here(
    cluster: Ray, small: Snapshot, tmp_path: Path, name: str
) -> None:
    replace(small, shard_ratings=300).save(tmp_path)
    snapshot, here, there = Snapshot.load(tmp_path), make(name), make(name)
    assert isinstance(there, OverShards)
    there.spread = Spread(cluster, tmp_path)
    bits = [
        {key: tensor.contiguous().numpy().tobytes() for key, tensor in model.fit(snapshot).state().items()}
        for model in (here, there)
    ]
    assert bits[0] == bits[1]


def test_sae_trains_on_a_cluster_as_it_does_here(cluster: Ray, small: Snapshot, tmp_path: Path) -> None:
    small.save(tmp_path)
    snapshot = Snapshot.load(tmp_path)
    here, there = (make("sae", epochs=4, batch_size=16) for _ in range(2))
    assert isinstance(there, OverShards)
    there.spread = Spread(cluster, tmp_path)
    one, other = (model.fit(snapshot).score(snapshot, slice(None)) for model in (here, there))
    assert float((one - other).abs().max()) < 0.01 < float(one.std())  # stars


def broken(task: int, device: str) -> None:
    raise ValueError(f"no such thing on {device}")


def test_a_training_that_always_fails_says_so(cluster: Ray, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match=r"^The training on the cluster was tried 3 times and failed \("):
        cluster.together(broken, 1, tmp_path)
