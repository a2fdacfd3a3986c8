"""Training of a network on mini-batches of users, by one process or by several that share every batch.

Ranks take the same steps: each computes its part of the batch's users, and gradients are summed. What is dropped out
is a function of user, movie, epoch and seed, so that it does not depend on who computes; with any number of ranks the
weights are the same but for the rounding of sums (S. Li et al., "PyTorch Distributed: Experiences on Accelerating
Data Parallel Training", VLDB 2020).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

from recengine.models.base import OnProgress
from recengine.runtime.splitmix import GOLDEN, rounds


class Group(NamedTuple):
    """The processes that train together, and which of them this one is."""

    rank: int = 0
    ranks: int = 1

    @classmethod
    def of_this_process(cls) -> Self:
        """As torch.distributed has it; a process that is in no group is one alone."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    def summed(self, values: Tensor) -> Tensor:
        """The same on every rank: the sum of what they have, in place."""
        if self.ranks > 1:
            dist.all_reduce(values)
        return values

    def part(self, start: int, stop: int) -> tuple[int, int]:
        """This rank's part of a range."""
        size = stop - start
        return start + size * self.rank // self.ranks, start + size * (self.rank + 1) // self.ranks


@dataclass(frozen=True)
class MiniBatches:
    """Passes over all users in batches, in an order drawn for each.

    Attributes
    ----------
    rows : callable
        Called with a range of users; their rows ``[targets | rated | side]``, float32 of shape (B, 2 M + S).
    users, movies : int
    size : int
        Users in a batch, those of all ranks together.
    dropout : float
        Share of the inputs that are hidden in each step.
    seed : int
    random : Generator
        Draws the order; the same on every rank.
    """

    rows: Callable[[int, int], Tensor]
    users: int
    movies: int
    size: int
    dropout: float
    seed: int
    random: torch.Generator
    group: Group

    def once(self, net: nn.Module, optimizer: torch.optim.Optimizer, epoch: int) -> float:
        """One pass over the users; the root mean square of the batches' errors."""
        net.train()
        starts = torch.arange(0, self.users, self.size)
        order = starts[torch.randperm(len(starts), generator=self.random)].tolist()
        return math.sqrt(np.mean([self._step(net, optimizer, epoch, start) for start in order]))

    def _step(self, net: nn.Module, optimizer: torch.optim.Optimizer, epoch: int, start: int) -> float:
        first, last = self.group.part(start, min(start + self.size, self.users))
        rows = self.rows(first, last)  # (B, 2M + S)
        target, rated = rows[:, : self.movies].clone(), rows[:, self.movies : 2 * self.movies].clone()
        user, movie = rated.nonzero(as_tuple=True)
        drawn = uniform(user.cpu().numpy() + first, movie.cpu().numpy(), self.seed, epoch)
        kept = torch.from_numpy(drawn >= self.dropout).to(rows)
        rows[user, movie] *= kept / (1 - self.dropout)
        rows[user, self.movies + movie] *= kept
        loss = (((net(rows) - target) ** 2) * rated).sum()
        optimizer.zero_grad()
        loss.backward()
        gradients = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
        mine = torch.stack([rated.sum(), loss.detach()])
        sums = self.group.summed(torch.cat([mine, *(gradient.flatten() for gradient in gradients)]))
        count, error = sums[0].clamp_min(1), sums[1]
        pieces = torch.split(sums[2:].div_(count), [gradient.numel() for gradient in gradients])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view_as(gradient))
        optimizer.step()
        return float(error / count)


def uniform(
    users: NDArray[np.integer[Any]], movies: NDArray[np.integer[Any]], seed: int, epoch: int
) -> NDArray[np.float64]:
    """Numbers of [0, 1) of P pairs, (P,): each a function of its pair, the seed and the epoch alone."""
    state = users.astype(np.uint64) * np.uint64(1 << 32) + movies.astype(np.uint64)
    for more in (seed, epoch):
        with np.errstate(over="ignore"):
            state = rounds(state + np.uint64(more + 1) * GOLDEN)
        state ^= state >> np.uint64(31)
    return np.asarray((state >> np.uint64(11)) * 2.0**-53)


class HeldOut(NamedTuple):
    """Ratings that tell when to stop, of users and movies by their indices; each (P,)."""

    users: NDArray[np.int64]
    movies: NDArray[np.int64]
    ratings: NDArray[np.float32]


def passes(
    once: Callable[[int], dict[str, float]],
    epochs: int,
    patience: int,
    what: str,
    on_progress: OnProgress,
) -> tuple[int, list[dict[str, float]]]:
    """Pass after pass until ``validation`` has not been better for ``patience`` of them; the best one, and all.

    ``once`` is called with the number of the pass, from 1; without "validation" in what it says the last is best.
    ``what`` is what progress is told of.
    """
    best, best_epoch, history = math.inf, epochs, []
    for epoch in range(1, epochs + 1):
        history.append(once(epoch))
        if (error := history[-1].get("validation", math.inf)) < best:
            best, best_epoch = error, epoch
        on_progress(what, epoch, epochs)
        if epoch - best_epoch >= patience:
            on_progress(what, epochs, epochs)
            break
    return best_epoch, history
