"""What a change of the lists costs: those of one model with it and without it, on the same held-out ratings.

Anything that makes other lists of a fitted model can be priced: a switch of ``ScoreConfig``, a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from recengine.dataset import Snapshot
from recengine.evaluation import beyond_accuracy
from recengine.evaluation.bootstrap import Bootstrap, paired_difference
from recengine.evaluation.measuring import Measured
from recengine.knobs.published import ScoreConfig
from recengine.models.base import Model
from recengine.variety.lists import Lister

Lists = Callable[[NDArray[np.int64], int], NDArray[np.int64]]
"""Called with users (E,), ascending, and n: their lists as movie indices (E, n), -1 where nothing is left."""

Listing = Callable[[Model, Snapshot], Lists]
"""Called with a fitted model and the training part that it was fitted on."""

K = 10  # the cut-off, where it is among those measured
TRAITS = ("intra_list_diversity", "miscalibration")


class Price(BaseModel):
    """What one change does to lists, on the users that a holdout judges.

    Attributes
    ----------
    what : str
        The change, such as "diversity 0.1".
    users : int
    without, changed : dict of str to float
        ndcg@k, coverage@k, intra_list_diversity@k, miscalibration@k and gini@k; those that are not defined on this
        data are not there.
    ndcg_change : tuple of float
        Mean difference of nDCG and both ends of its interval, over the same users drawn for both.
    """

    what: str
    users: int
    without: dict[str, float]
    changed: dict[str, float]
    ndcg_change: tuple[float, float, float]


def name_of(switch: str, weight: float) -> str:
    """A switch as prices and publications call it."""
    return f"{switch.replace('_', ' ')} {weight:g}"


def listings_of(switches: Mapping[str, float]) -> dict[str, Listing]:
    """How each switch that is on makes lists by itself and, of several, all of them together, by name.

    Parameters
    ----------
    switches : mapping of str to float
        From ``ScoreConfig.switches``.
    """
    named = {name_of(*one): dict([one]) for one in switches.items()}
    if len(named) > 1:
        named[", ".join(named)] = dict(switches)
    return {name: switched(weights) for name, weights in named.items()}


def told(prices: Sequence[dict[str, Any]], kinds: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """What made lists other than the model's best, with what the holdout says that it costs, where it was measured.

    Parameters
    ----------
    prices : sequence of dict
        As a model's manifest has them.
    kinds : sequence of mapping of str to float
        The switches of each kind of lists.
    """
    known = {price["what"]: price for price in prices}
    names = dict.fromkeys(name for switches in kinds for name in listings_of(switches))
    return [known.get(name, {"what": name}) for name in names]


def switched(weights: Mapping[str, float]) -> Listing:
    """Lists by some switches."""
    config = ScoreConfig(**weights)

    def made(model: Model, train: Snapshot) -> Lists:
        lister = Lister.of(model, train, config)
        return lambda users, n: lister.lists(users, n).movies

    return made


def price_of(what: str, without: Measured, changed: Measured, how: Bootstrap) -> Price:
    """Compare two measurements of the same users.

    Parameters
    ----------
    what : str
    without, changed : Measured
        Without the change and with it.
    how : Bootstrap
        Of the interval.
    """
    k = K if K in without.lists else min(without.lists)
    metric = f"ndcg@{k}"
    found = paired_difference(changed.ranks[metric], without.ranks[metric], how)
    return Price(
        what=what,
        users=found.users,
        without=figures_of(without, k),
        changed=figures_of(changed, k),
        ndcg_change=(found.mean, found.low, found.high),
    )


def figures_of(measured: Measured, k: int) -> dict[str, float]:
    """The figures of a price."""
    exposure = measured.lists[k].sum(axis=0)
    figures: dict[str, Any] = {
        "ndcg": measured.ranks[f"ndcg@{k}"].mean(),
        "coverage": beyond_accuracy.coverage(exposure),
    }
    for name in TRAITS:
        values = measured.traits[k][name]
        figures[name] = np.nan if np.isnan(values).all() else np.nanmean(values)
    figures["gini"] = beyond_accuracy.gini(exposure)
    return {f"{name}@{k}": float(value) for name, value in figures.items() if not np.isnan(value)}
