"""Scores of a block of users, and their best movies, found without computing most of the scores.

A score is ``left . right + rows . weights``: a thin dense product, and for the popular head the closed form's
share from the user's own ratings. Then, where there is a boost, each user's scores are standardised and boosted.
The best are looked for in the head first; of the many movies beyond it (``tail``) only those are scored that
may still reach the list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED, REORDERED
from recengine.models.kernels.csr import Pattern
from recengine.models.kernels.insertion import insert, insert_all
from recengine.models.kernels.offer import Hidden, Offer
from recengine.models.kernels.sparse_product import product, tiled
from recengine.models.kernels.tail import Standard, Tail, Tiles, insert_reaching
from recengine.models.kernels.topn import Lists, empty_lists
from recengine.runtime.threads import in_parts

PART = 32  # users finished by one thread at a time
DENSE = 256  # users in one dense product: always as many, so that a user's figures do not depend on the block
RUN = 1024  # scores summed in single precision
TINY = 1e-9


class Boost(NamedTuple):
    """What is added to standardised scores: ``values`` (M,), and whether anything is: ``applies``."""

    applies: bool
    values: NDArray[np.float32]


class Products(NamedTuple):
    """Both parts of some users' scores: ``dense`` is of users ``start`` .. of the block, ``share`` of all.

    Attributes
    ----------
    dense : ndarray of float32, shape (DENSE, H or M)
    share : ndarray of float32, shape (B, H)
    """

    start: int
    dense: NDArray[np.float32]
    share: NDArray[np.float32]


class Beyond(NamedTuple):
    """What is asked of the tail: its tiles, the users' factors, and the moments of their scores there.

    Attributes
    ----------
    tiles : Tiles
    left, scales : ndarray of float32, shapes (B, K) and (B,)
    totals, squares : ndarray of float64, shape (B,)
    """

    tiles: Tiles
    left: NDArray[np.float32]
    totals: NDArray[np.float64]
    squares: NDArray[np.float64]
    scales: NDArray[np.float32]


@dataclass(frozen=True)
class Catalogue:
    """What the scores of all users share; M movies in the model's own order, the first H of them the head.

    Attributes
    ----------
    right : ndarray of float32, shape (K, M)
    weights : ndarray of float32, shape (H, H)
    boost : ndarray of float32, shape (M,), or None
        Added to standardised scores.
    """

    right: NDArray[np.float32]
    weights: NDArray[np.float32]
    boost: NDArray[np.float32] | None

    @cached_property
    def tail(self) -> Tail:
        """The movies beyond the head."""
        return Tail.of(self.right, self.boost, len(self.weights))

    @cached_property
    def weight_tiles(self) -> NDArray[np.float32]:
        """The weights as ``product`` wants them."""
        return tiled(self.weights)

    @property
    def boosting(self) -> Boost:
        """The boost as the compiled loops read it."""
        return Boost(self.boost is not None, np.zeros(0, np.float32) if self.boost is None else self.boost)


@dataclass(frozen=True)
class Block:
    """The scores of B users for the movies of a catalogue.

    Attributes
    ----------
    catalogue : Catalogue
    left : ndarray of float32, shape (B, K)
    rows : csr_array, shape (B, >= H)
        Which movies count for the closed form, in the catalogue's order, sorted; columns from H on do not.
    """

    catalogue: Catalogue
    left: NDArray[np.float32]
    rows: csr_array

    @cached_property
    def scales(self) -> NDArray[np.float32]:
        """Filled in by ``best``, (B,): what the users' scores are standardised with, 1 without a boost."""
        return np.ones(len(self.left), dtype=np.float32)

    def scores(self) -> NDArray[np.float32]:
        """All scores, float32 of shape (B, M)."""
        scores = np.empty((len(self.left), self.catalogue.right.shape[1]), dtype=np.float32)
        boost = self.catalogue.boosting
        self.each(self.catalogue.right, lambda a, b, products: _score_all(a, b, products, boost, scores))
        return scores

    def best(self, offer: Offer, ids: NDArray[np.int64], n: int) -> Lists:
        """The n best movies on offer of every user.

        Parameters
        ----------
        offer : Offer
        ids : ndarray of int64, shape (M,): whose the catalogue's columns are; the smaller one first at equal scores
        n : int

        Returns
        -------
        Lists
            -inf and -1 where nothing is left; NaN first where any score of a user's is not finite.
        """
        lists, catalogue = empty_lists(len(self.left), n), self.catalogue
        head, boost = catalogue.right[:, : len(catalogue.weights)], catalogue.boosting
        hidden = offer.compiled(catalogue.right)
        beyond = Beyond(catalogue.tail.tiles, self.left, *catalogue.tail.moments(self.left), self.scales)
        self.each(head, lambda a, b, products: _best_all(a, b, products, boost, beyond, hidden, ids, lists))
        return lists

    def each(self, right: NDArray[np.float32], work: Callable[[int, int, Products], None]) -> None:
        """Call ``work(first, last, products)`` for the users of every dense product, part by part."""
        share = product(self.rows, self.catalogue.weight_tiles, len(self.catalogue.weights))
        for start, dense in _products(self.left, right):
            products = Products(start, dense, share)
            size = min(DENSE, len(self.left) - start)
            in_parts(lambda a, b, p=products: work(a, b, p), size, PART)  # type: ignore[misc]


def _products(
    left: NDArray[np.float32], right: NDArray[np.float32]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(first row, product) of every DENSE rows; the product is overwritten by the next one."""
    by = torch.from_numpy(np.ascontiguousarray(right))
    dense = torch.empty(DENSE, by.shape[1])
    for start in range(0, len(left), DENSE):
        padded = torch.zeros(DENSE, left.shape[1])
        part = torch.from_numpy(left[start : start + DENSE])
        padded[: len(part)] = part
        torch.mm(padded, by, out=dense)
        yield start, dense.numpy()


@REORDERED
def add_up(
    dense: NDArray[np.float32], share: NDArray[np.float32], row: NDArray[np.float32]
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Add both parts into the row; its sum and sum of squares, in one fixed order."""
    total = squares = np.float64(0)
    for start in range(0, len(row), RUN):
        stop = min(start + RUN, len(row))
        middle = min(max(len(share), start), stop)
        for at in range(start, middle):
            row[at] = dense[at] + share[at]
        for at in range(middle, stop):
            row[at] = dense[at]
        part, part_squares = np.float32(0), np.float32(0)
        for at in range(start, stop):
            part += row[at]
            part_squares += row[at] * row[at]
        total += part
        squares += part_squares
    return total, squares


@COMPILED
def mean_and_scale(
    total: float, squares: float, count: int
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Mean and inverse standard deviation."""
    mean = total / count
    return mean, 1 / (np.sqrt(max(squares / count - mean * mean, 0.0)) + TINY)


@COMPILED
def _score_all(
    first: int, last: int, products: Products, boost: Boost, scores: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    for at in range(first, last):
        user = products.start + at
        row = scores[user]
        mean, scale = mean_and_scale(*add_up(products.dense[at], products.share[user], row), len(row))
        if boost.applies:
            add_boost(row, Standard(np.float32(mean), np.float32(scale)), boost.values)


@COMPILED
def _best_all(
    first: int,
    last: int,
    products: Products,
    boost: Boost,
    beyond: Beyond,
    offer: Hidden,
    ids: NDArray[np.int64],
    lists: Lists,
) -> None:  # pragma: no cover - compiled
    row = np.empty(products.dense.shape[1], dtype=np.float32)
    own, hidden = offer.own, offer.everyone.copy()
    for at in range(first, last):
        user = products.start + at
        total, squares = add_up(products.dense[at], products.share[user], row)
        mean, scale = mean_and_scale(total + beyond.totals[user], squares + beyond.squares[user], len(ids))
        if not np.isfinite(mean):
            lists.values[user, 0] = np.nan
            continue
        for entry in range(own.indptr[user], own.indptr[user + 1]):
            hidden[own.columns[entry]] = True
        standard = Standard(np.float32(0), np.float32(1))
        if boost.applies:
            standard = Standard(np.float32(mean), np.float32(scale))
            add_boost(row, standard, boost.values)
        beyond.scales[user] = standard.scale
        values, listed = lists.values[user], lists.ids[user]
        _add_own(user, offer, row, (beyond.left[user], standard, boost.values), hidden, ids, values, listed)
        for column in range(len(row)):
            if hidden[column]:
                row[column] = -np.inf
        insert_all(row, ids, values, listed)
        insert_reaching(beyond.left[user], beyond.tiles, standard, hidden, ids, values, listed)
        show_again(user, own, offer.everyone, hidden)
        show_again(user, offer.added, offer.everyone, hidden)


@COMPILED
def _add_own(
    user: int,
    offer: Hidden,
    row: NDArray[np.float32],
    scoring: tuple[NDArray[np.float32], Standard, NDArray[np.float32]],
    hidden: NDArray[np.bool_],
    ids: NDArray[np.int64],
    values: NDArray[np.float32],
    listed: NDArray[np.int64],
) -> None:  # pragma: no cover - compiled
    """Add what is a user's own. Beyond the head movie by movie: its tiles do not know them."""
    left, standard, boost = scoring
    for entry in range(offer.added.indptr[user], offer.added.indptr[user + 1]):
        column, added = offer.added.columns[entry], offer.values[entry]
        if column < len(row):
            row[column] += added
        elif not hidden[column]:
            score = np.float32(0)
            for k in range(len(left)):
                score += left[k] * offer.right[k, column]
            score = (score - standard.mean) * standard.scale + boost[column] + added
            insert(score, ids[column], values, listed)
            hidden[column] = True


@COMPILED
def show_again(
    user: int, rows: Pattern, everyone: NDArray[np.bool_], hidden: NDArray[np.bool_]
) -> None:  # pragma: no cover - compiled
    """Let what a user's row hides be seen again, but for what nobody gets."""
    for entry in range(rows.indptr[user], rows.indptr[user + 1]):
        hidden[rows.columns[entry]] = everyone[rows.columns[entry]]


@COMPILED
def add_boost(
    row: NDArray[np.float32], standard: Standard, boost: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    """Standardise a row in place and add the boost of its movies."""
    for movie in range(len(row)):
        row[movie] = (row[movie] - standard.mean) * standard.scale + boost[movie]
