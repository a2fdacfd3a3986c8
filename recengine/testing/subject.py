"""The model class under test, and the data that all checks share, each made once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine import features, ingest, score
from recengine.dataset import Snapshot
from recengine.evaluation.splits import Split, random_per_user
from recengine.knobs.stages import IngestConfig
from recengine.models.base import Model
from recengine.models.registry import kind_of
from recengine.movielens.layouts import recognise
from recengine.synthetic.generator import GeneratorConfig, generate
from recengine.testing.planted import snapshot, tastes
from recengine.warehouse.connection import memory
from recengine.warehouse.migrations import migrate

SEED = {"seed": 3}
SMALL = GeneratorConfig(layout="ml-100k", users=40, movies=60, ratings=1_000, seed=7)

# On planted tastes lists by chance have an nDCG@10 of .13, and the mean of all ratings is wrong by 1.17 stars.
BY_CHANCE = 0.15
BY_MEAN = 1.2


class NotApplicable(Exception):
    """A check that this model, or this machine, has no use for; the text says why."""


def require(condition: object, sentence: str) -> None:
    """Fail a check unless the condition holds; the sentence says what is wrong."""
    if not condition:
        raise AssertionError(sentence)


@dataclass
class Subject:
    """A model class under test.

    Attributes
    ----------
    name : str
        Built-in name, import path or entry point of the class.
    knobs : dict
        Knobs of its config for all checks but those of quality: less work.
    lists : float
        Least nDCG@10 on planted tastes; by chance .13.
    stars : float
        Largest error of predicted stars there; 1.17 for the mean of all ratings.
    short : dict
        Further knobs for the check of memory, which is about sizes.
    """

    name: str
    knobs: dict[str, Any] = field(default_factory=dict)
    lists: float = BY_CHANCE
    stars: float = BY_MEAN
    short: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> type[Model]:
        """The class."""
        return kind_of(self.name)

    def quick(self, **config: Any) -> Model:
        """An unfitted model with the suite's seed."""
        return self.kind(self.kind.Config(**(self.knobs | SEED | config)))

    @cached_property
    def small(self) -> Snapshot:
        """40 users with attributes, 60 movies, 1,000 generated ratings."""
        return small()

    @cached_property
    def fitted(self) -> Model:
        """One model fitted on ``small``; checks only read it."""
        return self.quick().fit(self.small)

    @cached_property
    def split(self) -> Split:
        """Planted tastes, a quarter of each user's ratings held out."""
        return random_per_user(tastes(), seed=0)

    @cached_property
    def learned(self) -> Model:
        """One model fitted on the split's training part; checks only read it."""
        return self.quick().fit(self.split.train)

    def predict(
        self, model: Model, data: Snapshot, users: NDArray[np.integer[Any]], movies: NDArray[np.integer[Any]]
    ) -> NDArray[np.float32]:
        """Predicted stars of pairs.

        Raises
        ------
        NotApplicable
            The model predicts none.
        """
        stars = model.predict(data, users, movies)
        if stars is None:
            raise NotApplicable("it predicts no stars")
        return stars


def small() -> Snapshot:
    """40 users with attributes, 60 movies, 1,000 generated ratings; mapped read-only, as in a night."""
    with TemporaryDirectory() as folder, memory() as con:
        source, saved = Path(folder) / "generated", Path(folder) / "saved"
        generate(source, SMALL)
        migrate(con, Path("memory"))
        ingest.ingest(con, recognise(source), IngestConfig())
        features.snapshot(con).save(saved)
        return Snapshot.load(saved)


def many() -> Snapshot:
    """8,000 users and 3,000 movies, 3 ratings each: dense, 96 MB of float32."""
    rng = np.random.default_rng(0)
    indices = (rng.integers(0, 1_000, (8_000, 3)) + np.array([0, 1_000, 2_000])).astype(np.int32)
    stars = rng.integers(1, 6, indices.size).astype(np.float32)
    indptr = np.arange(8_001, dtype=np.int32) * 3
    one_user = snapshot(np.ones((1, 3_000)), movies={"genre=Drama": [1.0] * 3_000})
    return replace(
        one_user,
        user_ids=np.arange(8_000),
        ratings=csr_array((stars, indices.ravel(), indptr), shape=(8_000, 3_000)),
        rated_at=rng.integers(0, 10**9, indices.size),
        user_features=csr_array((8_000, 0), dtype=np.float32),
    ).where(np.ones(indices.size, dtype=bool))


def table(model: Model, data: Snapshot, n: int = 10, users: slice = slice(None)) -> pa.Table:
    """The lists of a range of users, as they are stored."""
    return pa.Table.from_batches(score.recommend(model, data, n, users), schema=score.RECOMMENDATIONS)


def require_sound(found: pa.Table, data: Snapshot, n: int) -> None:
    """Exact N, ranks, nothing seen, nothing twice, finite falling scores, stars on the scale or none at all."""
    unseen = np.minimum(data.movies - np.diff(data.ratings.indptr), n)
    ranks = [rank for left in unseen for rank in range(1, left + 1)]
    owners = np.repeat(data.user_ids, unseen).tolist()
    require(found["user_id"].to_pylist() == owners, f"not every user has {n} rows, or all that are left")
    require(found["rank"].to_pylist() == ranks, "ranks have gaps")
    listed = list(zip(owners, found["movie_id"].to_pylist(), strict=True))
    require(len(set(listed)) == len(listed), "a movie is twice in a list")
    rated = zip(
        data.user_ids[data.rating_users].tolist(),
        data.movie_ids[data.ratings.indices].tolist(),
        strict=True,
    )
    require(not set(listed) & set(rated), "a list has a movie that its user rated")
    scores = found["score"].to_numpy()
    require(np.isfinite(scores).all(), "scores are not finite")
    same_user = np.diff(found["user_id"].to_numpy()) == 0
    require((np.diff(scores)[same_user] <= 0).all(), "scores rise within a list")
    if found["predicted_rating"].null_count < len(found):
        low, high = data.scale or (-np.inf, np.inf)
        stars = found["predicted_rating"].to_numpy()
        require(((stars >= low) & (stars <= high)).all(), "predicted stars are off the data's scale")
