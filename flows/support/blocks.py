"""Prefect's Secret blocks as places where the address of an export may be kept: ``block:NAME``.

A block's value is encrypted in Prefect's database and shown by no form. The engine knows no Prefect: it is told here.
"""

from __future__ import annotations

from typing import Any

from recengine.errors import BadInput
from recengine.runtime.addresses import offer


def offer_blocks() -> None:
    """From now on ``block:NAME`` stands for what the Secret block NAME holds."""
    offer("block", _held_in)


def _held_in(name: str) -> str:
    from prefect.blocks.system import Secret

    try:
        held: Any = Secret.load(name)
        return str(held.get())
    except ValueError as error:
        raise BadInput(
            f"There is no Secret block {name!r} that holds an address; make one in the Prefect UI, under Blocks."
        ) from error
