"""The engine of many boxes: a Ray task per shard. The only module that imports Ray, and only when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import pickle
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from recengine.engine.base import NodesLost, Result, ShardFailed, Task, TrainingFailed
from recengine.errors import BadInput
from recengine.runtime.resources import cores

log = logging.getLogger(__name__)

RETRIES = 2
LOOK_EVERY = 2.0  # seconds between two looks at the cluster while it works
PATIENCE = 60.0  # seconds that a cluster may be without any CPU
LOOPBACK = "127.0.0.1"


class Ray:
    """Runs each task on one CPU of a cluster; a task whose worker or node is lost, or that fails, is tried again.

    Parameters
    ----------
    address : str
        ``local`` (workers of this box, started here), ``auto`` (the cluster this box belongs to) or ``ray://...``.
    retries : int
        How often a task is tried again.
    options : Any
        Further arguments of ``ray.init``.

    Raises
    ------
    BadInput
        Where Ray is not installed, or no cluster answers at the address.
    """

    def __init__(self, address: str = "local", retries: int = RETRIES, **options: Any) -> None:
        self.retries, self.address = retries, address
        check_installed()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
        if address == "local":
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # every listener on the loopback
            os.environ.setdefault("RAY_AUTH_MODE", "token")
            options = {
                "num_cpus": cores(),
                "include_dashboard": False,
                "_node_ip_address": LOOPBACK,
            } | options
        self._ray: Any = importlib.import_module("ray")
        try:
            self._ray.init(address=address, log_to_driver=False, ignore_reinit_error=True, **options)
        except (ConnectionError, ValueError, RuntimeError) as problem:
            raise BadInput(
                f"No Ray cluster answers at {address}; start one (ray start --head) or use local."
            ) from problem
        log.info("ray: %s CPUs at %s", f"{self._ray.cluster_resources().get('CPU', 0):.0f}", address)

    def map(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """Results in the order of ``tasks``, whichever ends first; see ``Engine.map``."""
        remote = self._ray.remote(num_cpus=1, max_retries=self.retries, retry_exceptions=True)(on_one_core)
        began = time.perf_counter()
        pending = [remote.remote(pickle.dumps((work, task))) for task in tasks]
        found = [self._result(shard, reference) for shard, reference in enumerate(pending)]
        what = getattr(next(iter(tasks), None), "work", work).__name__
        log.debug("ray: %s, %d tasks in %.2f s", what, len(tasks), time.perf_counter() - began)
        return found

    def together(self, work: Callable[[Task, str], None], task: Task, room: Path) -> None:
        """Ranks of Ray Train, one per GPU of the cluster, or per CPU where it has none; see ``Engine.together``."""
        if self.address.startswith("ray://"):
            raise BadInput(
                "Ray Train needs a driver that belongs to the cluster: run on one of its nodes with --ray-address "
                f"auto, instead of {self.address}."
            )
        train, on_torch = (importlib.import_module(f"ray.train{name}") for name in ("", ".torch"))
        resources = self._ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        trainer = on_torch.TorchTrainer(
            as_a_rank,
            train_loop_config={"asked": pickle.dumps((work, task)), "device": "cuda" if gpus else "cpu"},
            scaling_config=train.ScalingConfig(
                num_workers=gpus or int(resources.get("CPU", 1)), use_gpu=bool(gpus)
            ),
            torch_config=on_torch.TorchConfig(backend="nccl" if gpus else "gloo"),
            run_config=train.RunConfig(
                name="reports",
                storage_path=str(room),
                failure_config=train.FailureConfig(max_failures=self.retries),
            ),
        )
        try:
            trainer.fit()
        except Exception as problem:  # Ray Train has a class of its own for each way to fail, by its version
            said = str(problem).strip().splitlines()[-1:] or [type(problem).__name__]
            raise TrainingFailed(self.retries + 1, said[0]) from problem

    def _result(self, shard: int, reference: Any) -> Any:
        try:
            self._wait_for(reference)
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as problem:
            cause = getattr(problem, "cause", None) or problem
            said = f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else 'lost'}"
            raise ShardFailed(shard, self.retries + 1, said) from problem

    def _wait_for(self, reference: Any) -> None:
        """Until it is there, or the cluster has been without CPUs for too long: Ray itself would wait for ever."""
        since = time.monotonic()
        while not self._ray.wait([reference], timeout=LOOK_EVERY)[0]:
            if self._ray.cluster_resources().get("CPU"):
                since = time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                raise NodesLost(time.monotonic() - since)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._ray.shutdown()


def on_one_core(asked: bytes) -> Any:
    """A task as a worker does it: with one thread, unless its node says otherwise; a node has a worker per core.

    How many threads there are is looked up when a task's modules are imported: what is asked is unpacked afterwards.
    """
    os.environ.setdefault("RECENGINE_THREADS", "1")
    work, task = pickle.loads(asked)
    return work(task)


def as_a_rank(told: dict[str, Any]) -> None:
    """A rank's part of a training, with one thread as ``on_one_core``."""
    os.environ.setdefault("RECENGINE_THREADS", "1")
    work, task = pickle.loads(told["asked"])
    work(task, told["device"])


def check_installed() -> None:
    """Look for Ray without importing it.

    Raises
    ------
    BadInput
        It is not installed.
    """
    try:
        found = importlib.util.find_spec("ray")
    except ValueError:  # a name that was taken away
        found = None
    if found is None:
        raise BadInput(
            "The engine ray needs Ray, which is not installed: pip install 'recengine[ray]' here and on every node."
        )
