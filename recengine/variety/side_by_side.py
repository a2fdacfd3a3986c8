"""Variants side by side: each user's list is made by the lister of the user's variant, which is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.knobs.published import ScoreConfig
from recengine.models.base import Model
from recengine.models.excluded import Boosts, Excluded
from recengine.models.kernels.topn import empty_lists
from recengine.variety.lists import Listed, Lister
from recengine.variety.selection import Cap
from recengine.variety.variants import Variant, assigned, in_force


@dataclass(frozen=True)
class SideBySide:
    """Makes lists as a ``Lister`` does.

    Attributes
    ----------
    listers : tuple of Lister
        One per variant, in the order they were asked for.
    variant : ndarray of int64, shape (U,)
        Which of them each user of the snapshot has.
    """

    listers: tuple[Lister, ...]
    variant: NDArray[np.int64]

    @classmethod
    def of(cls, model: Model, snapshot: Snapshot, variants: Sequence[Variant]) -> Self:
        """The variants of one fitted model, at least one."""
        listers = tuple(Lister.of(model, snapshot, variant.config) for variant in variants)
        return cls(listers, assigned(snapshot.user_ids, len(listers)))

    def parts(self, users: NDArray[np.int64]) -> Iterator[tuple[Lister, NDArray[np.int64]]]:
        """Each lister that some of the users (B,) have, and their rows, ascending."""
        own = self.variant[users]
        for at in np.unique(own):
            yield self.listers[at], np.flatnonzero(own == at)

    def lists(
        self,
        users: NDArray[np.int64],
        n: int,
        excluded: Excluded | None = None,
        boosts: Boosts | None = None,
        caps: Sequence[Cap] = (),
        pins: csr_array | None = None,
    ) -> Listed:
        """The lists of users (B,), ascending, each as its lister makes it for its users alone."""
        scores, movies = empty_lists(len(users), n)
        listed = Listed(scores, movies, np.zeros((len(users), n), dtype=np.float32))
        for lister, rows in self.parts(users):
            part = lister.lists(users[rows], n, excluded, boosts, caps, pins)
            listed.scores[rows], listed.movies[rows], listed.varied[rows] = part
        return listed


def lister_of(model: Model, snapshot: Snapshot, config: ScoreConfig) -> Lister | SideBySide:
    """What makes the lists that a config asks for."""
    variants = in_force(config, model.name)
    return SideBySide.of(model, snapshot, variants) if variants else Lister.of(model, snapshot, config)


def keep(con: duckdb.DuckDBPyConnection, snapshot: Snapshot, config: ScoreConfig, name: str) -> None:
    """Say in ``scores.variants`` whose list of a model is which variant's; nobody's where there is one kind.

    Inside the caller's transaction.
    """
    con.execute("DELETE FROM scores.variants")
    if variants := in_force(config, name):
        names = pa.array([variant.name for variant in variants])
        own = names.take(pa.array(assigned(snapshot.user_ids, len(variants))))
        con.register("their_variant", pa.table({"user_id": snapshot.user_ids, "variant": own}))
        con.execute("INSERT INTO scores.variants BY NAME FROM their_variant")
        con.unregister("their_variant")
