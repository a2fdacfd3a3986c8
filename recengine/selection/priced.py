"""What makes tonight's lists other than the model's best, switches and rules: what their prices are called, and how
each makes lists on a holdout."""

from __future__ import annotations

from recengine.config import Home
from recengine.evaluation.pricing import Listing
from recengine.evaluation.pricing import listings_of as switched
from recengine.knobs.published import ScoreConfig
from recengine.rules import prices
from recengine.rules.inforce import rules_of
from recengine.rules.running import ran
from recengine.variety.variants import kinds_of
from recengine.warehouse.connection import warehouse


def priced_of(home: Home, lists: ScoreConfig | None) -> set[str]:
    """The names of the prices that lists want.

    Raises
    ------
    BadInput
        A rule cannot be read.
    """
    if lists is None:
        return set()
    rules = rules_of(home, lists)
    named = {prices.name_of(rule) for rule in rules} | ({prices.name_of_all(rules)} if rules else set())
    return named | _switched(lists).keys()


def listings_of(home: Home, lists: ScoreConfig | None) -> dict[str, Listing]:
    """How each of them makes lists, by those names; rules are run over what the warehouse holds.

    Raises
    ------
    BadInput
        A rule cannot be read or run.
    """
    if lists is None:
        return {}
    found = _switched(lists)
    rules = rules_of(home, lists)
    if rules:
        with warehouse(home.warehouse) as con:
            found |= prices.listings_of(ran(con, rules))
    return found


def _switched(lists: ScoreConfig) -> dict[str, Listing]:
    """The switches of all kinds of lists, each kind's by themselves and together."""
    return {name: made for kind in kinds_of(lists) for name, made in switched(kind.switches).items()}
