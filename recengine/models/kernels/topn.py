"""The exact top N of a block of scores."""

from __future__ import annotations

import torch


def top_n(scores: torch.Tensor, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The exact n best of every row, ties broken by the smaller column.

    Parameters
    ----------
    scores : Tensor of float32, shape (B, M)
        Higher is better; -inf never counts as an entry to recommend, but is returned where a row has
        fewer than n others.
    n : int
        Entries per row; at most M are returned.

    Returns
    -------
    (Tensor of float32, Tensor of int64), both of shape (B, min(n, M))
        Values falling from left to right, and their columns.
    """
    n = min(n, scores.shape[1])
    # One more than asked for tells whether the n-th place is shared.
    values, columns = torch.topk(scores, min(n + 1, scores.shape[1]), dim=1)
    shared = (values[:, n:] == values[:, n - 1 : n]).any(dim=1) & (values[:, n - 1] > -torch.inf)
    values, columns = values[:, :n].contiguous(), columns[:, :n].contiguous()
    crowded = shared.nonzero().flatten()
    if len(crowded):  # topk may pick any of the equal ones: take all better ones, then the first of the equal
        rows, edge = scores[crowded], values[crowded, -1:]
        better, equal = rows > edge, rows == edge
        room = n - better.sum(dim=1, keepdim=True)
        chosen = better | (equal & (torch.cumsum(equal, dim=1, dtype=torch.int32) <= room))
        columns[crowded] = chosen.nonzero()[:, 1].reshape(-1, n)
        values[crowded] = rows.gather(1, columns[crowded])
    columns, order = torch.sort(columns, dim=1)
    values, by_value = torch.sort(values.gather(1, order), dim=1, descending=True, stable=True)
    return values, columns.gather(1, by_value)
