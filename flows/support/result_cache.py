"""Cached task results: a retried run goes on after its last finished task, as far as what that left still stands.

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

StillValid = Callable[[Any, dict[str, Any]], bool]

# A result of other code than today's is none.
PER_INPUTS = DEFAULT + CachePolicy.from_cache_key_fn(lambda context, inputs: code_identity())

# Of a task that only looks, or that leaves a mark each time: it runs again with its run.
UNCACHED: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}


def cached(still_valid: StillValid | None = None, *, key: CachePolicy = PER_INPUTS) -> dict[str, Any]:
    """Options of a task whose result is stored for a retry.

    Parameters
    ----------
    still_valid : function of a stored result and the task's parameters, optional
        Whether what the task left is still there and still right; one that raises says no. By default it is.
    key : CachePolicy
        What a result is stored under: by default the task's inputs and code, and the run's id, so that another
        run, or the same flow on another home, never finds it.
    """
    policy = key if still_valid is None else ValidatedCache(key=key, still_valid=still_valid)
    return {"persist_result": True, "result_serializer": "json", "cache_policy": policy}


@dataclass(kw_only=True)
class ValidatedCache(CachePolicy):
    """The first key under which a valid result is stored, or none yet."""

    key: CachePolicy
    still_valid: StillValid

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,
    ) -> str | None:
        """The key for a task about to run; a result that is valid no longer stays under the keys before it."""
        first = self.key.compute_key(task_ctx, inputs, flow_parameters, **kwargs)
        store, log = get_result_store(), get_run_logger()
        for key in () if first is None else chain([first], (f"{first}-{n}" for n in count(2))):
            if not store.exists(key) or self._is_valid(store.read(key).result, inputs):
                return key
            log.info("What the task %r left is gone or was changed: it runs again.", task_ctx.task.name)
        return None

    def _is_valid(self, result: Any, inputs: dict[str, Any]) -> bool:
        try:
            return self.still_valid(result, inputs)
        except Exception as problem:  # whatever is wrong, the task meets it again, and says it as its own
            get_run_logger().debug("Cannot tell whether a stored result is valid: %r", problem)
            return False


def _published_version(context: TaskRunContext, inputs: dict[str, Any]) -> str | None:
    return current_version(Home.at())


# For what was decided in view of what is published.
PER_PUBLICATION = PER_INPUTS + CachePolicy.from_cache_key_fn(_published_version)
