"""The best movies of each of several groups of a catalogue, such as genres, for a block of users.

A user's scores are made once, as for a single list (``blocks``), and then looked through group by group. A group's
movies beyond the head lie in tiles of their own, of which most end at their bound, as ``tail`` says.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.blocks import (
    Beyond,
    Block,
    Boost,
    Catalogue,
    Products,
    add_boost,
    add_up,
    mean_and_scale,
    show_again,
)
from recengine.models.kernels.compiled import COMPILED
from recengine.models.kernels.csr import Pattern, pattern_of
from recengine.models.kernels.insertion import insert
from recengine.models.kernels.offer import Hidden, Offer
from recengine.models.kernels.tail import TILE, Standard, Tail, Tiles, insert_reaching
from recengine.models.kernels.topn import Lists, empty_lists


class Groups(NamedTuple):
    """G groups of a catalogue's columns, as the compiled loops read them.

    Attributes
    ----------
    head : Pattern
        Each group's columns in the head.
    tiles : Tiles
        Those beyond it, group after group; a movie of two groups is in two tiles.
    first : ndarray of int64, shape (G + 1,)
        Where a group's tiles begin.
    of_column : Pattern
        The groups of each column.
    """

    head: Pattern
    tiles: Tiles
    first: NDArray[np.int64]
    of_column: Pattern

    @classmethod
    def of(cls, catalogue: Catalogue, groups: csr_array) -> Groups:
        """The groups of a catalogue, groups (G, M): where an entry is stored, the column is in the group."""
        rows, head = csr_array(groups), len(catalogue.weights)
        rows.sort_indices()
        tiles = [
            _tiles(catalogue, columns[columns >= head])
            for columns in np.split(rows.indices, rows.indptr[1:-1])
        ]
        first = np.cumsum([0, *(len(part.columns) for part in tiles)])
        whole = Tiles(*(np.concatenate(parts) for parts in zip(*tiles, strict=True)))
        return cls(pattern_of(rows[:, :head]), whole, first, pattern_of(csr_array(rows.T.tocsr())))


def _tiles(catalogue: Catalogue, columns: NDArray[np.int32]) -> Tiles:
    boost = None if catalogue.boost is None else catalogue.boost[columns]
    tiles = Tail.of(catalogue.right[:, columns], boost, 0).tiles
    if not len(columns):  # without any, a tail has no tile, and so no shape
        empty = np.zeros((0, len(catalogue.right)), dtype=np.float32)
        shape = (0, len(catalogue.right), TILE)
        return Tiles(tiles.columns, np.zeros(shape, np.float32), tiles.boost, empty, empty)
    return tiles._replace(columns=np.where(tiles.columns < 0, -1, columns[tiles.columns]).astype(np.int64))


def best_of_groups(block: Block, offer: Offer, ids: NDArray[np.int64], n: int, groups: Groups) -> Lists:
    """The n best movies on offer of every user and group.

    Parameters
    ----------
    block : Block
    offer : Offer
    ids : ndarray of int64, shape (M,)
        Whose the catalogue's columns are; of equal scores the smaller id comes first.
    n : int
    groups : Groups
        Of the block's catalogue.

    Returns
    -------
    Lists
        Both of shape (B, G, n); -inf and -1 where nothing is left, and NaN as a user's first value where any score
        of theirs is not finite.
    """
    catalogue = block.catalogue
    lists = empty_lists(len(block.left), len(groups.first) - 1, n)
    head, boost = catalogue.right[:, : len(catalogue.weights)], catalogue.boosting
    hidden = offer.compiled(catalogue.right)
    beyond = Beyond(groups.tiles, block.left, *catalogue.tail.moments(block.left), block.scales)
    block.each(
        head,
        lambda a, b, products: _best_of_groups(a, b, products, boost, beyond, hidden, (groups, ids), lists),
    )
    return lists


@COMPILED
def _best_of_groups(
    first: int,
    last: int,
    products: Products,
    boost: Boost,
    beyond: Beyond,
    offer: Hidden,
    grouped: tuple[Groups, NDArray[np.int64]],
    lists: Lists,
) -> None:  # pragma: no cover - compiled
    row = np.empty(products.dense.shape[1], dtype=np.float32)
    own, hidden = offer.own, offer.everyone.copy()
    ids = grouped[1]
    for at in range(first, last):
        user = products.start + at
        total, squares = add_up(products.dense[at], products.share[user], row)
        mean, scale = mean_and_scale(total + beyond.totals[user], squares + beyond.squares[user], len(ids))
        if not np.isfinite(mean):
            lists.values[user, 0, 0] = np.nan
            continue
        for entry in range(own.indptr[user], own.indptr[user + 1]):
            hidden[own.columns[entry]] = True
        standard = Standard(
            np.float32(mean if boost.applies else 0), np.float32(scale if boost.applies else 1)
        )
        if boost.applies:
            add_boost(row, standard, boost.values)
        values, listed = lists.values[user], lists.ids[user]
        _add_own(
            user, offer, row, (beyond.left[user], standard, boost.values), hidden, grouped, values, listed
        )
        _look_through(row, beyond.left[user], beyond.tiles, standard, hidden, grouped, values, listed)
        show_again(user, own, offer.everyone, hidden)
        show_again(user, offer.added, offer.everyone, hidden)


@COMPILED
def _look_through(
    row: NDArray[np.float32],
    left: NDArray[np.float32],
    tiles: Tiles,
    standard: Standard,
    hidden: NDArray[np.bool_],
    grouped: tuple[Groups, NDArray[np.int64]],
    values: NDArray[np.float32],
    listed: NDArray[np.int64],
) -> None:  # pragma: no cover - compiled
    """Insert into the lists of one user's groups, (G, n), what is not hidden."""
    groups, ids = grouped
    for group in range(len(values)):
        for entry in range(groups.head.indptr[group], groups.head.indptr[group + 1]):
            column = groups.head.columns[entry]
            if not hidden[column]:
                insert(row[column], ids[column], values[group], listed[group])
        a, b = groups.first[group], groups.first[group + 1]
        part = Tiles(tiles.columns[a:b], tiles.right[a:b], tiles.boost[a:b], tiles.low[a:b], tiles.high[a:b])
        insert_reaching(left, part, standard, hidden, ids, values[group], listed[group])


@COMPILED
def _add_own(
    user: int,
    offer: Hidden,
    row: NDArray[np.float32],
    scoring: tuple[NDArray[np.float32], Standard, NDArray[np.float32]],
    hidden: NDArray[np.bool_],
    grouped: tuple[Groups, NDArray[np.int64]],
    values: NDArray[np.float32],
    listed: NDArray[np.int64],
) -> None:  # pragma: no cover - compiled
    """Add what is a user's own, as ``blocks`` does, beyond the head into the list of each group of a movie."""
    left, standard, boost = scoring
    groups, ids = grouped
    for entry in range(offer.added.indptr[user], offer.added.indptr[user + 1]):
        column, added = offer.added.columns[entry], offer.values[entry]
        if column < len(row):
            row[column] += added
        elif not hidden[column]:
            score = np.float32(0)
            for k in range(len(left)):
                score += left[k] * offer.right[k, column]
            score = (score - standard.mean) * standard.scale + boost[column] + added
            for place in range(groups.of_column.indptr[column], groups.of_column.indptr[column + 1]):
                group = groups.of_column.columns[place]
                insert(score, ids[column], values[group], listed[group])
            hidden[column] = True
