"""What variety costs: every switch of the lists at several weights, each next to the plain lists of the same users.

A model is fitted once on what a night would hold out from, and its lists are made again for every switch and weight.
Nothing of it is stored or published.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.evaluate import Evaluation, evaluate
from recengine.evaluation.pricing import K, Listing, Lists, Price, name_of, switched
from recengine.evaluation.slices import Slices, slices_of
from recengine.evaluation.splits import Split, sample_users
from recengine.knobs.published import SWITCHES, ScoreConfig
from recengine.knobs.stages import TrainConfig
from recengine.models import make
from recengine.models.base import Model, OnProgress, silent
from recengine.models.recipes import Recipe
from recengine.runtime.devices import resolved
from recengine.runtime.near import choose

PLAIN = "plain"
WEIGHTS = (0.05, 0.1, 0.2, 0.4)


class TradeoffConfig(BaseModel):
    """What is tried, and on how many users.

    Attributes
    ----------
    switches : tuple of str
        Each by itself.
    weights : tuple of float
        Each of them for every switch.
    users : int
        Most users whose lists are made: of more, so many are drawn.
    seed : int
        Of the draw and of the intervals.
    draws : int
        Of the bootstrap.
    """

    switches: tuple[str, ...] = SWITCHES
    weights: tuple[float, ...] = WEIGHTS
    users: int = Field(2000, ge=1)
    seed: int = Field(0, ge=0)
    draws: int = Field(1000, ge=100)

    @property
    def listings(self) -> dict[str, tuple[str, float, Listing]]:
        """By name, each switch with each weight, and how its lists are made."""
        return {
            name_of(switch, weight): (switch, weight, switched({switch: weight}))
            for switch in dict.fromkeys(self.switches)
            for weight in sorted(set(self.weights))
        }


class Point(BaseModel):
    """A switch at one weight.

    Attributes
    ----------
    switch : str
    weight : float
    price : Price
        Its figures next to the plain lists', and the interval of the change of nDCG.
    shown : int
        Movies on at least one list.
    seconds : float
        Wall time of making the lists.
    """

    switch: str
    weight: float
    price: Price
    shown: int
    seconds: float


class Tradeoff(BaseModel):
    """The curves of one model.

    Attributes
    ----------
    dataset, model : str
    description : str
        What was held out and whose lists were made, in a sentence or two.
    k : int
        Rows of a list.
    users, movies : int
        Judged users; movies of the catalogue.
    plain : dict of str to float
        Figures without any switch.
    plain_shown : int
    plain_seconds : float
    points : list of Point
        Switch by switch, weights rising.
    """

    dataset: str
    model: str
    description: str
    k: int
    users: int
    movies: int
    plain: dict[str, float]
    plain_shown: int
    plain_seconds: float
    points: list[Point]


def checked(switches: Sequence[str], weights: Sequence[float], users: int, seed: int) -> TradeoffConfig:
    """What is asked for, known to be possible.

    Raises
    ------
    BadInput
        There is no such switch, or it takes no such weight.
    """
    if unknown := [switch for switch in switches if switch not in SWITCHES]:
        raise BadInput(f"There is no switch {unknown[0]!r}; {choose(unknown[0], SWITCHES)}")
    config = TradeoffConfig(switches=tuple(switches), weights=tuple(weights), users=users, seed=seed)
    for switch in config.switches:
        for weight in config.weights:
            try:
                ScoreConfig(**{switch: weight})
            except ValidationError as refused:
                raise BadInput(f"{switch} {weight:g}: {refused.errors()[0]['msg'].lower()}.") from None
    return config


def tradeoff(
    recipe: Recipe,
    snapshot: Snapshot,
    train: TrainConfig,
    config: TradeoffConfig,
    on_progress: OnProgress = silent,
) -> Tradeoff:
    """Fit a recipe without what a night holds out, and price every switch at every weight on it.

    Parameters
    ----------
    recipe : Recipe
    snapshot : Snapshot
        All ratings.
    train : TrainConfig
        Of which users and ratings a night judges, and where to fit.
    config : TradeoffConfig
    on_progress : callable

    Raises
    ------
    BadInput
        Nothing can be held out.
    """
    judged = sample_users(snapshot, train.judged_ratings, train.seed)
    slices = slices_of(judged, train.holdout_share, train.gate.min_users, train.seed)
    if not slices.splits:
        raise BadInput(
            f"There is no trade-off to draw: lists could be judged on {slices.said}; load ratings with dates."
        )
    splits, drawn = _of_some_users(slices, config)
    clocks = {name: _Timed(listing) for name, (_, _, listing) in config.listings.items()}
    clocks[PLAIN] = _Timed(switched({}))
    found = evaluate(
        lambda: make(recipe.model, **recipe.config).lighter(),
        splits,
        ks=(K,),
        bootstrap=Bootstrap(draws=config.draws, seed=config.seed),
        listings=_reporting(clocks, on_progress),
        device=resolved(train.device),
        on_progress=on_progress,
    )
    return _told(found, clocks, snapshot, config, f"{slices.description} {drawn}")


def _of_some_users(slices: Slices, config: TradeoffConfig) -> tuple[list[Split], str]:
    """The same splits, judged by at most ``config.users`` users, and who these are."""
    users = np.unique(np.concatenate([split.relevance()[0] for split in slices.splits]))
    if len(users) <= config.users:
        return list(slices.splits), f"All {len(users):,} users with ratings on both sides are judged."
    drawn = np.random.default_rng(config.seed).choice(users, config.users, replace=False)
    said = f"{config.users:,} of the {len(users):,} users with ratings on both sides are judged, drawn with the seed "
    return [_judged_by(split, drawn) for split in slices.splits], f"{said}{config.seed}."


def _judged_by(split: Split, users: NDArray[np.int64]) -> Split:
    """A split that holds out only some users' ratings; all the others' stay unseen."""
    test, kept = split.test, np.isin(split.test.user_index, users)
    part = replace(
        test,
        user_index=test.user_index[kept],
        movie_index=test.movie_index[kept],
        rating=test.rating[kept],
        rated_at=test.rated_at[kept],
    )
    return replace(split, test=part)


@dataclass
class _Timed:
    """A way to make lists that notes the seconds it takes, getting ready included."""

    listing: Listing
    seconds: float = 0.0

    def __call__(self, model: Model, train: Snapshot) -> Lists:
        began = time.perf_counter()
        made = self.listing(model, train)
        self.seconds += time.perf_counter() - began

        def lists(users: NDArray[np.int64], n: int) -> NDArray[np.int64]:
            since = time.perf_counter()
            top = made(users, n)
            self.seconds += time.perf_counter() - since
            return top

        return lists


def _reporting(clocks: Mapping[str, _Timed], on_progress: OnProgress) -> dict[str, Listing]:
    """The same, which say how far they are."""
    total, begun = len(clocks), set[str]()

    def reporting(name: str, timed: _Timed) -> Listing:
        def made(model: Model, train: Snapshot) -> Lists:
            begun.add(name)
            on_progress("pricing", len(begun), total)
            return timed(model, train)

        return made

    return {name: reporting(name, timed) for name, timed in clocks.items()}


def _told(
    found: Evaluation,
    clocks: Mapping[str, _Timed],
    snapshot: Snapshot,
    config: TradeoffConfig,
    description: str,
) -> Tradeoff:
    prices = {price.what: price for price in found.prices}
    plain = prices.pop(PLAIN)

    def shown(figures: dict[str, float]) -> int:
        return round(figures[f"coverage@{K}"] * snapshot.movies)

    return Tradeoff(
        dataset=snapshot.dataset,
        model=found.model,
        description=description,
        k=K,
        users=plain.users,
        movies=snapshot.movies,
        plain=plain.changed,
        plain_shown=shown(plain.changed),
        plain_seconds=clocks[PLAIN].seconds,
        points=[
            Point(
                switch=switch,
                weight=weight,
                price=prices[name],
                shown=shown(prices[name].changed),
                seconds=clocks[name].seconds,
            )
            for name, (switch, weight, _) in config.listings.items()
        ],
    )
