"""How many threads torch uses, where two parts of the work run beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def share_cores(parts: int) -> Iterator[None]:
    """Give each of several threads started in the block its share of torch's threads.

    Two pools that each want every core wait for one another at every small operation: on a busy machine of
    two cores that made training tens of times slower.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // parts))
    try:
        yield
    finally:
        torch.set_num_threads(before)
