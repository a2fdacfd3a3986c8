"""Whether a night tunes before it judges: the first one of a dataset does, where its ratings tell recipes apart."""

from __future__ import annotations

from pathlib import Path

import duckdb

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.knobs.stages import TrainConfig, TuneConfig
from recengine.models.recipes import searched_of
from recengine.selection.candidates import asked_recipe
from recengine.selection.champion import champion_of
from recengine.warehouse.history import trials

# With fewer, trials differ by more than any knob is worth, and a night would wait for nothing.
LEAST_USERS = 100
LEAST_RATINGS = 10_000


def objection(
    con: duckdb.DuckDBPyConnection, home: Home, snapshot_folder: Path, config: TuneConfig, train: TrainConfig
) -> str:
    """Why tonight's recipe is not tuned first; empty where it is.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse.
    home : Home
        Whose champion may stand already.
    snapshot_folder : Path
        The feature snapshot.
    config, train
        How long a first night may tune, and what it would tune.
    """
    recipe, snapshot = asked_recipe(train), Snapshot.load(snapshot_folder)
    if not config.first_night:
        return "Not asked for: tune.first_night is 0."
    if not searched_of(recipe):
        return f"{recipe.model} names no knobs to search, or each of them is told."
    if (tuned := trials.newest(con, snapshot.dataset, recipe.model)) is not None:
        return f"{recipe.model} was tuned for {snapshot.dataset} on {tuned.tuned_at:%Y-%m-%d} already."
    if (champion := champion_of(home, snapshot.dataset)) is not None:
        return (
            f"{champion.model_id} is published: this is no first night; the flow tune is for those after it."
        )
    users, ratings = len(snapshot.user_ids), snapshot.ratings.nnz
    if users < LEAST_USERS or ratings < LEAST_RATINGS:
        return (
            f"{ratings:,} ratings of {users:,} users cannot tell recipes apart; {LEAST_RATINGS:,} of "
            f"{LEAST_USERS} are the least."
        )
    return ""
