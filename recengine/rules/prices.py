"""What rules cost: lists that keep them, priced on a holdout as any other change of the lists."""

from __future__ import annotations

from collections.abc import Sequence

from recengine.dataset import Snapshot
from recengine.evaluation.pricing import Listing, Lists
from recengine.knobs.published import ScoreConfig
from recengine.models.base import Model
from recengine.rules.compiled import Compiled
from recengine.rules.files import Rule, fingerprint_of
from recengine.rules.running import Ran
from recengine.variety.lists import Lister


def name_of(rule: Rule) -> str:
    """A rule as its price calls it: with what it says, so that another query under its name has another price."""
    return f"rule {rule.name} {fingerprint_of([rule])}"


def name_of_all(rules: Sequence[Rule]) -> str:
    """All of some rules together as their price calls them."""
    return f"all rules {fingerprint_of(rules)}"


def listings_of(rules: Sequence[Ran]) -> dict[str, Listing]:
    """How each rule by itself makes lists and, of several, all of them together, by the names of their prices.

    Parameters
    ----------
    rules : sequence of Ran
        Over all of the data: what a rule names may rest on ratings that a holdout keeps from the model.
    """
    found = {name_of(one.rule): ruled([one]) for one in rules}
    if rules:
        found[name_of_all([one.rule for one in rules])] = ruled(rules)
    return found


def ruled(rules: Sequence[Ran]) -> Listing:
    """Lists that keep some rules, by the model's scores."""

    def made(model: Model, train: Snapshot) -> Lists:
        lister, kept = Lister.of(model, train, ScoreConfig()), Compiled.over(train, rules)
        return lambda users, n: kept.lists(lister, users, n).movies

    return made
