"""Fits over shards: the same bits here and on files, whatever was there already, and from a shard alone."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recengine.dataset import Snapshot
from recengine.engine.base import ShardFailed
from recengine.engine.local import Local
from recengine.errors import RecengineError
from recengine.models import make
from recengine.models.base import Model
from recengine.models.popularity import counts_of
from recengine.models.spread import SUMS, OverShards, Spread
from recengine.shards import files

SHARDED = ("popularity", "ease", "hybrid")


@dataclass
class Counting:
    """Local, backwards, as a cluster may; it notes what it was asked, and ends as it is told to."""

    until: int = 10**6
    asked: list[int] = field(default_factory=list)

    def map(self, work: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
        found = {}
        for task in reversed(tasks):
            if len(self.asked) == self.until:
                raise ShardFailed(task.shard, 1, "cut off")
            self.asked.append(task.shard)
            found[task.shard] = work(task)
        return [found[shard] for shard in range(len(tasks))]


@pytest.fixture
def cut(small: Snapshot, tmp_path: Path) -> Path:
    """A snapshot's folder with nine shards."""
    replace(small, shard_ratings=120).save(tmp_path / "snapshot")
    return tmp_path / "snapshot"


def fitted(name: str, folder: Path, spread: Spread | None = None) -> Model:
    model = make(name)
    assert isinstance(model, OverShards)
    model.spread = spread
    return model.fit(Snapshot.load(folder))


def digest(model: Model) -> dict[str, str]:
    return {
        name: hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()
        for name, tensor in model.state().items()
    }


@pytest.mark.parametrize("name", SHARDED)
def test_on_files_and_in_whatever_order_the_bits_are_those_of_this_process(name: str, cut: Path) -> None:
    here = digest(fitted(name, cut))
    assert digest(fitted(name, cut, Spread(Local(), cut))) == here
    assert digest(fitted(name, cut, Spread(Counting(), cut))) == here
    assert [*(cut / files.WORK).iterdir()] == []


@pytest.mark.parametrize("name", SHARDED)
def test_shards_sum_to_the_fit_of_one_shard_but_for_rounding(name: str, cut: Path, small: Snapshot) -> None:
    whole, parts = make(name).fit(small).state(), fitted(name, cut).state()
    for key in whole:
        np.testing.assert_allclose(parts[key], whole[key], rtol=2e-3, atol=2e-4, err_msg=key)


def test_what_was_computed_before_a_cut_is_not_computed_again(cut: Path) -> None:
    plan: dict[str, Any] = {}
    first, second = Counting(until=4), Counting()
    with pytest.raises(ShardFailed):
        Spread(first, cut).total(counts_of, plan)
    [room] = (cut / files.WORK).iterdir()
    done = {folder: (folder / SUMS).stat().st_mtime_ns for folder in sorted(room.glob("0*"))}
    assert [folder.name for folder in done] == ["00005", "00006", "00007", "00008"]
    torn = room / "00005" / SUMS
    torn.write_bytes(torn.read_bytes()[:-8])  # a disk that was full
    second.map = _watching(second, room, done)  # type: ignore[method-assign]
    counts = Spread(second, cut).total(counts_of, plan)
    assert counts.tolist() == np.bincount(Snapshot.load(cut).ratings.indices, minlength=60).tolist()


def _watching(engine: Counting, room: Path, done: dict[Path, int]) -> Callable[..., list[Any]]:
    """Map as before, then see which folders are still those that were there."""
    mapped = engine.map

    def watched(work: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
        found = mapped(work, tasks)
        kept = [folder.name for folder, when in done.items() if (folder / SUMS).stat().st_mtime_ns == when]
        assert kept == ["00006", "00007", "00008"]
        assert len(list(room.glob("0*"))) == 9
        return found

    return watched


def test_a_shard_s_work_reads_nothing_else_of_the_snapshot(cut: Path) -> None:
    class Alone:
        def map(self, work: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
            for file in cut.glob("*.npy"):
                file.rename(file.with_suffix(".away"))
            try:
                return Local().map(work, tasks)
            finally:
                for file in cut.glob("*.away"):
                    file.rename(file.with_suffix(".npy"))

    assert Spread(Alone(), cut).total(counts_of, {}).sum() == 1000


def test_a_full_disk_names_itself(cut: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    files.write(Snapshot.load(cut), cut)
    shutil.rmtree(cut / files.WORK, ignore_errors=True)
    monkeypatch.setattr("recengine.models.spread.np.save", full)
    with pytest.raises(RecengineError, match=r"Shard 0 was tried once and failed .*No space left"):
        Spread(Local(), cut).total(counts_of, {})
    assert list((cut / files.WORK).rglob("*.npy")) == []
