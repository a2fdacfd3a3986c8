"""Which torch device a knob means, on this machine."""

from __future__ import annotations

import torch

from recengine.errors import BadInput
from recengine.runtime.near import choose

# In the order that auto takes them.
DEVICES = ("cuda", "mps", "cpu")


def resolved(device: str) -> str:
    """The device's name for torch; ``auto`` is CUDA where there is one, else Apple's MPS, else the CPU.

    Raises
    ------
    BadInput
        There is none of that name here.
    """
    there = [name for name in DEVICES if _is_there(name)]
    if device == "auto":
        return there[0]
    if device not in there:
        raise BadInput(f"There is no device {device!r} on this machine; {choose(device, ['auto', *there])}")
    return device


def _is_there(name: str) -> bool:
    if name == "cuda":
        return torch.cuda.is_available()
    return name == "cpu" or torch.backends.mps.is_available()
