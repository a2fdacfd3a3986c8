"""The gate before a publication: is the challenger good enough?

It compares evaluations on the newest slice of ratings, and says what to do and why; it stops nothing by
itself. ``recengine.evaluation.guard`` then looks at the tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from recengine.errors import BadInput
from recengine.evaluation.bootstrap import Bootstrap, PairedDifference, paired_difference
from recengine.evaluation.evaluate import Evaluation
from recengine.evaluation.metrics import RANKING_METRICS

POPULARITY = "popularity"  # the baseline's name: it is not asked to beat itself


class GateConfig(BaseModel):
    """When a challenger may be published."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str = Field(
        "ndcg@10",
        pattern=rf"^({'|'.join(RANKING_METRICS)})@\d+$",
        description="Rank metric that decides, at one of the evaluation's cut-offs",
    )
    tolerance: float = Field(
        0.01, ge=0, lt=1, description="Share of the champion's metric that the challenger may lose"
    )
    min_users: int = Field(
        100, ge=1, description="With fewer test users no loss at all is tolerated, as too few can judge it"
    )
    draws: int = Field(1000, ge=100, description="Bootstrap draws of the paired differences")
    confidence: float = Field(0.95, gt=0, lt=1, description="Confidence of their intervals")
    seed: int = Field(0, ge=0, description="Seed of the draws")


@dataclass(frozen=True)
class Decision:
    """Whether to publish the challenger.

    Attributes
    ----------
    publish : bool
        If not, the published tables stay.
    reason : str
        Why, in a sentence, with the figures.
    differences : dict of str to PairedDifference
        Challenger minus ``champion`` and minus ``popularity``, where there was one to compare with.
    """

    publish: bool
    reason: str
    differences: dict[str, PairedDifference]


def decide(
    challenger: Evaluation,
    champion: Evaluation | None,
    popularity: Evaluation,
    config: GateConfig | None = None,
) -> Decision:
    """Publish only what beats popularity and is not worse than the champion beyond the tolerance.

    Parameters
    ----------
    challenger : Evaluation
        The new recipe.
    champion : Evaluation, optional
        The published recipe, trained and judged on the same split; None before the first publication.
    popularity : Evaluation
        The baseline on the same split. A challenger that is itself ``popularity`` is not compared with it.
    config : GateConfig, optional
        Metric, tolerance and bootstrap.

    Returns
    -------
    Decision
        Means decide; the intervals tell how sure that is.

    Raises
    ------
    BadInput
        If the evaluations are not of the same users or lack the metric.
    """
    config = config or GateConfig()
    rivals = {"champion": champion} if champion is not None else {}
    if challenger.model != POPULARITY:
        rivals[POPULARITY] = popularity
    differences = {name: _difference(challenger, rival, config) for name, rival in rivals.items()}
    few = len(challenger.users) < config.min_users
    tolerance = 0.0 if few else config.tolerance
    objections = []
    if POPULARITY in differences and differences[POPULARITY].mean <= 0:
        objections.append("not better than popularity")
    if champion is not None and differences["champion"].mean < -tolerance * _mean(champion, config):
        objections.append(f"worse than the champion by more than {tolerance:.0%}")
    verdict = "kept what is published" if objections else "published"
    said = " and ".join(objections) or "good enough"
    judged = f"{config.metric} {_mean(challenger, config):.4f} on {len(challenger.users):,} users"
    against = "".join(
        f"; against {name} {gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
        for name, gap in differences.items()
    )
    caution = f"; fewer than {config.min_users} users, so no loss was tolerated" if few else ""
    reason = f"{challenger.model} {verdict}: {said} ({judged}{against}{caution})."
    return Decision(not objections, reason, differences)


def _mean(evaluation: Evaluation, config: GateConfig) -> float:
    return float(evaluation.per_user[config.metric].mean())


def _difference(challenger: Evaluation, rival: Evaluation, config: GateConfig) -> PairedDifference:
    if not np.array_equal(challenger.users, rival.users):
        raise BadInput(
            f"{challenger.model} and {rival.model} were judged on different users; evaluate both on the "
            "same split."
        )
    if config.metric not in challenger.per_user or config.metric not in rival.per_user:
        raise BadInput(
            f"The gate's metric {config.metric} was not evaluated; add its cut-off to the evaluation."
        )
    how = Bootstrap(config.draws, config.seed, config.confidence)
    return paired_difference(challenger.per_user[config.metric], rival.per_user[config.metric], how)
