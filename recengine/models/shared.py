"""What fits share or take over: pieces made once for several of them, and tensors of an earlier one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

T = TypeVar("T")


class Kept:
    """What the trials of one training part share, such as a Gram matrix: made by the first that asks for it."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made under a key, made now where nothing was; whoever gets it leaves it as it is."""
        if key not in self._made:
            self._made[key] = make()
        made: T = self._made[key]
        return made


def moved(rows: torch.Tensor, places: NDArray[np.int64]) -> torch.Tensor:
    """Rows of an earlier fit (n, k) where they stand now, (len(places), k); zeros where the place is -1."""
    has_place = torch.from_numpy(places >= 0)
    now = rows.new_zeros(len(places), rows.shape[1])
    now[has_place] = rows[torch.from_numpy(places)[has_place]]
    return now


def part_of(state: dict[str, torch.Tensor], part: str) -> dict[str, torch.Tensor]:
    """The tensors whose names start with ``part.``, without it."""
    return {name[len(part) + 1 :]: t for name, t in state.items() if name.startswith(f"{part}.")}
