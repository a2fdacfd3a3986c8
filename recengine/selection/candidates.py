"""The candidates: which recipes are judged tonight, and how each is judged on the newest ratings.

Nothing that judges a candidate takes part in its training. ``recengine.selection.verdict`` then says which goes on.
"""

from __future__ import annotations

import logging
from pathlib import Path

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.slices import slices_of
from recengine.evaluation.splits import sample_users
from recengine.knobs.stages import ScoreConfig, TrainConfig
from recengine.models.base import OnProgress, silent
from recengine.models.recipes import (
    Recipe,
    checked_knobs,
    recipe_for,
    same_recipe,
    searched_of,
    understood,
    with_settings,
)
from recengine.runtime.devices import resolved
from recengine.selection import judgement
from recengine.selection.champion import champion_of, recipe_of
from recengine.selection.gate import POPULARITY
from recengine.selection.judgement import Judgement, Measure
from recengine.selection.priced import listings_of
from recengine.warehouse.connection import warehouse
from recengine.warehouse.history import trials

log = logging.getLogger(__name__)


def asked_recipe(config: TrainConfig) -> Recipe:
    """The recipe a config asks for, before any tuning.

    Raises
    ------
    BadInput
        The model has no such knob, or takes no such value.
    """
    knobs = checked_knobs(config.model, config.knobs, "train.knobs")
    return recipe_for(config.model, seed=config.seed, recency=config.recency, **knobs)


def challenger_of(home: Home, dataset: str, config: TrainConfig) -> Recipe:
    """The recipe that challenges: what is asked for by hand, over the newest tuning, over the defaults.

    Raises
    ------
    BadInput
        The model has no such knob, or takes no such value.
    """
    asked = asked_recipe(config)
    if not home.warehouse.exists():
        return asked
    with warehouse(home.warehouse) as con:
        tuning = trials.newest(con, dataset, asked.model)
    if tuning is None:
        return asked
    free = searched_of(asked)
    found = {knob: value for knob, value in tuning.knobs.items() if knob in free}
    recipe, left_out = understood(with_settings(asked, found))
    if left_out:
        log.warning("train: the tuning of %s is read without %s", asked.model, ", ".join(left_out))
    return recipe or asked


def candidates(home: Home, snapshot_folder: Path, config: TrainConfig) -> dict[str, Recipe]:
    """What is judged tonight: "challenger", "popularity", and "champion" where its recipe is another one."""
    dataset = Snapshot.load(snapshot_folder).dataset
    challenger = challenger_of(home, dataset, config)
    recipes = {"challenger": challenger, "popularity": Recipe(model=POPULARITY)}
    champion = champion_of(home, dataset)
    if champion is None or champion.model == POPULARITY:
        return recipes
    recipe, said = recipe_of(champion)
    if said:
        log.warning("train: %s", said)
    if recipe is not None and not same_recipe(recipe, challenger):
        recipes["champion"] = recipe
    return recipes


def judge(
    home: Home,
    snapshot_folder: Path,
    recipe: Recipe,
    config: TrainConfig,
    lists: ScoreConfig | None = None,
    *,
    on_progress: OnProgress = silent,
) -> Judgement:
    """Fit a recipe on what is not held out, and measure its lists on what is.

    What the switches and rules of ``lists`` cost is measured too.

    Raises
    ------
    BadInput
        A rule cannot be read or run.
    """
    gate, snapshot = config.gate, Snapshot.load(snapshot_folder)
    bootstrap = Bootstrap(draws=200, seed=gate.seed, confidence=gate.confidence)
    listings = listings_of(home, lists) if recipe.model != POPULARITY else {}
    return judgement.measure(
        home,
        snapshot,
        recipe,
        slices_of(
            sample_users(snapshot, config.judged_ratings, config.seed),
            config.holdout_share,
            gate.min_users,
            config.seed,
        ),
        Measure(gate.metric, bootstrap, listings),
        device=resolved(config.device),
        on_progress=on_progress,
    )
