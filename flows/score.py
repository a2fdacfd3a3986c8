"""Score: a trained model's top-N lists for every user, into the warehouse.

When: after train. Requires: a model trained on the data the warehouse holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import task

from flows.features import build_features
from flows.support.form import form
from flows.support.progress import stage
from flows.support.result_cache import UNCACHED, cached
from flows.support.tasks import RETRIED, open_warehouse, run_lock
from recengine import score as engine
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.engine.chosen import engine_of
from recengine.knobs.sources import InForce
from recengine.knobs.stages import ClusterConfig, ScoreConfig
from recengine.models import store
from recengine.rules.inforce import compiled, fingerprint
from recengine.score import ScoreReport
from recengine.scoring.parts import elsewhere


def _still_scored(report: ScoreReport, parameters: dict[str, Any]) -> bool:
    with open_warehouse() as (_, con):
        return engine.is_scored(con, report)


@task(name="score users", **cached(_still_scored), **RETRIED)
def score_users(
    model_id: str, snapshot: Path, config: ScoreConfig, rules: str, cluster: ClusterConfig
) -> ScoreReport:
    """Score all users in blocks and stream their lists into the warehouse."""
    with stage("score") as on_progress, open_warehouse() as (home, con), engine_of(cluster) as shards:
        return engine.score(con, home, snapshot, model_id, config, on_progress, elsewhere(shards))


@task(name="check rules", **UNCACHED)
def check_rules(snapshot: Path, config: ScoreConfig) -> str:
    """Run the rules before anything is trained: what they name is there, and nobody is left without a movie."""
    with open_warehouse() as (home, con):
        compiled(con, home, Snapshot.load(snapshot), config)
        return fingerprint(home, config)


@form(
    "score",
    "score.top_n",
    "score.similar_n",
    "score.genre_n",
    "score.device",
    "cluster.engine",
    "cluster.ray_address",
    "score.reasons",
    "score.diversity",
    "score.calibration",
    "score.popularity_debias",
    "score.rank_by",
    "score.variants",
    "score.rules",
    "score.rule_parameters",
)
def score(model_id: str | None = None, *, in_force: InForce) -> ScoreReport:
    """Score every user's unseen movies with a trained model.

    Args:
        model_id: Which trained model; the newest one of the data when left out
    """
    with run_lock():
        features = build_features("what the warehouse holds")
        chosen = (model_id or "").strip() or store.newest(Home.at(), features.fingerprint)
        config = in_force.knobs.score
        rules = fingerprint(Home.at(), config)
        return score_users(chosen, features.folder, config, rules, in_force.knobs.cluster)
