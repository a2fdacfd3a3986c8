"""The forms as people see them: what is asked most is open, the rest folded, a rollback offers what is kept.

A form is the deployment's schema on the server. The flow's parameters are flat and keep their names: titles, order,
choices and groups are the form's alone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from flows.support.folding import folded
from recengine.config import Home
from recengine.serving.versions import versions

log = logging.getLogger("recengine.choices")

ROLLBACK = "rollback/rollback"
FIRST = ("dataset", "source", "model", "model_id", "top_n", "budget", "force")

GROUPS = {
    "limits": "Which rows are refused",
    "gate": "How good a new model must be",
    "reuse": "When the last verdict still stands",
    "guard": "When new lists look broken",
    "retention": "How long things are kept",
}
WORDS = {
    "top_n": "Recommendations per user",
    "source": "Folder or zip of your own",
    "holdout_share": "Share of ratings to judge on",
    "similar_n": "Similar movies per movie",
    "genre_n": "Recommendations per genre",
    "bootstrap_samples": "Samples of the interval",
    "max_head": "Most of a list's places for few movies",
    "rank_by": "Rank by predicted stars",
}

Schema = dict[str, Any]


def for_people(schema: Schema, kept: Sequence[str] = ()) -> Schema:
    """A form's schema with words as labels, the first fields first and open, and the kept versions as choices.

    Parameters
    ----------
    schema : dict
        As Prefect makes it from a flow.
    kept : sequence of str
        Versions, oldest first; where there are none, a version stays free text.
    """
    fields = {name: field | {"title": title_of(name)} for name, field in schema.get("properties", {}).items()}
    order = [name for name in FIRST if name in fields] + [name for name in fields if name not in FIRST]
    placed = {name: fields[name] | {"position": at} for at, name in enumerate(order)}
    if "source" in placed:
        placed["source"] |= {
            "anyOf": [{"type": "string", "title": "path"}, {"type": "null", "title": "none"}]
        }
    if "version" in placed and kept:
        told = {key: value for key, value in placed["version"].items() if key not in ("anyOf", "default")}
        placed["version"] = told | {"type": "string", "enum": list(reversed(kept))}
    groups = {
        name: group
        | {
            "properties": {
                inner: field | {"title": title_of(inner)} for inner, field in group["properties"].items()
            }
        }
        if "properties" in group
        else group
        for name, group in schema.get("definitions", {}).items()
    }
    return folded(schema | {"properties": placed, "definitions": groups})


def offer_versions(home: Home) -> None:
    """The rollback's form offers what is kept now; where there is no such form, nothing happens."""
    try:
        with get_client(sync_client=True) as client:
            deployment = client.read_deployment_by_name(ROLLBACK)
            schema = for_people(deployment.parameter_openapi_schema or {}, versions(home))
            client._client.patch(f"/deployments/{deployment.id}", json={"parameter_openapi_schema": schema})
    except ObjectNotFound:
        return
    except Exception as problem:  # of a form, never a reason for a night to end
        log.warning("The rollback's form does not offer the newest version: %s", problem)


def title_of(name: str) -> str:
    """A field's label: words for its name."""
    words = name.replace("_", " ")
    return GROUPS.get(name) or WORDS.get(name) or words[:1].upper() + words[1:]
