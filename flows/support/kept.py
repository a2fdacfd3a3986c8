"""Kept results: a retried run goes on after its last finished task, as far as what that task left still stands.

Between a failure and its retry the world moves: a newer run loads other data and removes the snapshot, a person
mends the files, a model is pruned. Prefect's own cache looks at a task's inputs only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from prefect.cache_policies import DEFAULT, NO_CACHE, CachePolicy
from prefect.context import TaskRunContext
from prefect.logging import get_run_logger
from prefect.results import get_result_store

from recengine.config import Home
from recengine.runtime.identity import code_identity
from recengine.serving.versions import current_version

Holds = Callable[[Any, dict[str, Any]], bool]

# A result of other code than today's is none.
BY_INPUTS = DEFAULT + CachePolicy.from_cache_key_fn(lambda context, inputs: code_identity())

# Of a task that only looks, or that leaves a mark each time: it runs again with its run.
ANEW: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}


def kept(holds: Holds | None = None, *, by: CachePolicy = BY_INPUTS) -> dict[str, Any]:
    """Options of a task whose result is kept for a retry.

    Parameters
    ----------
    holds : function of a kept result and the task's parameters, optional
        Whether what the task left is still there and still right; one that raises says no. By default it is.
    by : CachePolicy
        What a result is kept under: by default the task's inputs and code, and the run's id, so that another
        run, or the same flow on another home, never finds it.
    """
    policy = by if holds is None else Holding(by=by, holds=holds)
    return {"persist_result": True, "result_serializer": "json", "cache_policy": policy}


@dataclass(kw_only=True)
class Holding(CachePolicy):
    """The first key under which a result holds, or under which there is none yet."""

    by: CachePolicy
    holds: Holds

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,
    ) -> str | None:
        """The key for a task about to run; a result that no longer holds stays under the keys before it."""
        first = self.by.compute_key(task_ctx, inputs, flow_parameters, **kwargs)
        store, log = get_result_store(), get_run_logger()
        for key in () if first is None else chain([first], (f"{first}-{n}" for n in count(2))):
            if not store.exists(key) or self._holds(store.read(key).result, inputs):
                return key
            log.info("What %s left no longer holds: it runs again.", task_ctx.task.name)
        return None

    def _holds(self, result: Any, inputs: dict[str, Any]) -> bool:
        try:
            return self.holds(result, inputs)
        except Exception as problem:  # whatever is wrong, the task meets it again, and says it as its own
            get_run_logger().debug("Not to be seen whether a result holds: %r", problem)
            return False


def _published(context: TaskRunContext, inputs: dict[str, Any]) -> str | None:
    return current_version(Home.at())


# For what was decided in view of what is published.
BY_WHAT_IS_PUBLISHED = BY_INPUTS + CachePolicy.from_cache_key_fn(_published)
