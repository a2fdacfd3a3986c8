"""Our numbers of threads are for our own work: whatever computes here, the process has its own again afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from recengine.dataset import Snapshot
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.splits import random_per_user
from recengine.models import MODELS, make
from recengine.models.base import Model
from recengine.runtime import threads
from recengine.runtime.threads import own_threads

OTHERS, OURS = 3, 2  # threads of torch: a notebook's, and ours
OTHERS_BLAS = 4


def torch_and_blas() -> tuple[int, int, list[int]]:
    """Threads of torch in this thread, of torch in a new one, and of every BLAS."""
    with ThreadPoolExecutor(1) as new:
        later = new.submit(torch.get_num_threads).result()
    blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return torch.get_num_threads(), later, blas


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int, list[int]]]:
    """Somebody else's numbers of threads, unlike ours."""
    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "THREADS", OURS)
    torch.set_num_threads(OTHERS)
    with ThreadPoolExecutor(
        1
    ) as ends:  # threadpoolctl lets nobody else set BLAS while a thread that did is there
        limits = ends.submit(threadpool_limits, OTHERS_BLAS, "blas").result()
    found = torch_and_blas()
    assert found == (OTHERS, OTHERS, [OTHERS_BLAS] * len(found[2]))
    yield found
    torch.set_num_threads(before)
    with ThreadPoolExecutor(1) as ends:
        ends.submit(limits.restore_original_limits).result()


class Noted(Model):
    """Notes the threads that it computes with, and fails to fit where told."""

    name = "noted"

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.fails, self.seen = fails, []

    def fit(self, snapshot: Snapshot, **_: object) -> Noted:  # type: ignore[override]
        self.seen.append(torch_and_blas())
        if self.fails:
            raise ArithmeticError("planted")
        return self

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        self.seen.append(torch_and_blas())
        return torch.zeros(len(range(*users.indices(snapshot.users))), snapshot.movies)

    def predict(self, snapshot: Snapshot, user_index: np.ndarray, movie_index: np.ndarray) -> np.ndarray:
        self.seen.append(torch_and_blas())
        return np.full(len(user_index), 3, dtype=np.float32)

    def state(self) -> dict[str, torch.Tensor]:
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> Noted:
        return self


def test_a_model_computes_on_our_threads_and_leaves_the_process_its_own(
    small: Snapshot, others: tuple[int, int, list[int]]
) -> None:
    model = Noted().fit(small)
    model.best(small, np.arange(3), 2)
    model.predict(small, np.zeros(1, int), np.zeros(1, int))
    ours = (OURS, OTHERS, [1] * len(others[2]))
    assert model.seen == [ours] * 3
    assert torch_and_blas() == others


@pytest.mark.parametrize("name", sorted(MODELS))
def test_fit_score_and_evaluate_restore(
    name: str, small: Snapshot, others: tuple[int, int, list[int]]
) -> None:
    short = {"hybrid": {"stars": {"sweeps": 2}, "recency": "off"}, "sae": {"epochs": 1}}.get(name, {})
    split = random_per_user(small, seed=0)
    model = make(name, **short).fit(split.train)
    assert torch_and_blas() == others
    model.score(split.train, slice(0, 4))
    assert torch_and_blas() == others
    evaluate(model, split, ks=(5,))
    assert torch_and_blas() == others


def test_a_failure_restores_too(small: Snapshot, others: tuple[int, int, list[int]]) -> None:
    with pytest.raises(ArithmeticError, match="planted"):
        evaluate(lambda: Noted(fails=True), random_per_user(small, seed=0))
    assert torch_and_blas() == others


def in_block(inside: Event, leave: Event) -> tuple[int, int]:
    """Torch's threads of one thread, in a block that ends when told and after it."""
    with own_threads():
        inside.set()
        assert leave.wait(60)
        during = torch.get_num_threads()
    return during, torch.get_num_threads()


@pytest.mark.parametrize("first_out", [0, 1])
def test_overlapping_blocks_restore_in_either_order(
    first_out: int, others: tuple[int, int, list[int]]
) -> None:
    """Two judgements side by side: who began last may end first, and the other way round."""
    inside, leave = (Event(), Event()), (Event(), Event())
    with ThreadPoolExecutor(2) as pool:
        running = []
        for own in (0, 1):
            running.append(pool.submit(in_block, inside[own], leave[own]))
            assert inside[own].wait(60)
        during = torch_and_blas()
        leave[first_out].set()
        ended = running[first_out].result()
        between = torch_and_blas()
        leave[1 - first_out].set()
        also_ended = running[1 - first_out].result()
    assert ended == also_ended == (OURS, OTHERS)
    assert during == between == (OTHERS, OTHERS, [1] * len(others[2]))  # until both have ended
    assert torch_and_blas() == others


def test_a_part_of_a_computation_has_its_share(
    others: tuple[int, int, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "THREADS", 8)
    counted: Callable[[], int] = torch.get_num_threads
    with own_threads():
        with own_threads(parts=2), ThreadPoolExecutor(1) as beside:
            assert counted() == 4
            assert beside.submit(own_threads(parts=2)(counted)).result() == 4
        assert counted() == 8
    with own_threads(parts=20):
        assert counted() == 1


IMPORTS = """
import importlib, json, pkgutil, sys
import numpy, scipy.linalg, torch
from threadpoolctl import threadpool_info, threadpool_limits

torch.set_num_threads(3)
threadpool_limits(4, user_api="blas")

def pools():
    return [torch.get_num_threads(), sorted((p["filepath"], p["num_threads"]) for p in threadpool_info())]

before = pools()
import recengine
names = [module.name for module in pkgutil.walk_packages(recengine.__path__, "recengine.")]
for name in names:
    importlib.import_module(name)
print(json.dumps({"before": before, "after": pools(), "modules": names}))
"""


def test_importing_changes_no_pool() -> None:
    command = [sys.executable, "-c", IMPORTS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert {"recengine.models.hybrid", "recengine.runtime.threads", "recengine.score"} <= set(
        found["modules"]
    )
    assert found["before"][0] == 3
    assert [threads for path, threads in found["before"][1] if "openblas" in path] == [4, 4]
    assert found["after"] == found["before"]
