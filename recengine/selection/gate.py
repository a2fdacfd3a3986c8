"""The gate before a publication: is the challenger good enough?

It compares evaluations on the newest ratings, and says what to do and why; it stops nothing by itself.
``recengine.selection.guard`` then looks at the tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recengine.errors import BadInput
from recengine.evaluation.bootstrap import Bootstrap, PairedDifference, paired_difference
from recengine.evaluation.evaluate import Evaluation
from recengine.knobs.stages import GateConfig

POPULARITY = "popularity"  # the baseline's name: it is not asked to beat itself


@dataclass(frozen=True)
class Decision:
    """Whether the challenger is good enough.

    Attributes
    ----------
    publish : bool
        If not, the champion's recipe or what is published stays.
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
    judged_on: str = "",
) -> Decision:
    """Refuse what popularity is significantly better than, and what is not significantly better than the champion.

    Significant is a difference whose bootstrap interval lies on one side of 0, on at least ``config.min_users``
    users. All else is a tie: a model is published rather than popularity, and a champion stays.

    Parameters
    ----------
    challenger : Evaluation
        The new recipe.
    champion : Evaluation, optional
        The published recipe, trained and judged on the same split; None before the first publication.
    popularity : Evaluation
        The baseline on the same split. A challenger that is itself ``popularity`` is not compared with it.
    config : GateConfig, optional
        Metric, users, tolerance and bootstrap.
    judged_on : str
        The ratings that judged, for the reason.

    Returns
    -------
    Decision

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
    enough = len(challenger.users) >= config.min_users
    objections = []
    if enough and POPULARITY in differences and differences[POPULARITY].high < 0:
        objections.append("not better than popularity but significantly worse")
    if champion is not None and not (
        enough
        and differences["champion"].low > 0
        and differences["champion"].mean > config.tolerance * _mean(champion, config)
    ):
        objections.append("not significantly better than the champion")
    said = " and ".join(objections) or "good enough"
    against = "".join(
        f"; against {name} {gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
        + (", a tie" if not enough or gap.low <= 0 <= gap.high else "")
        for name, gap in differences.items()
    )
    users = f"{len(challenger.users):,} user{'s' if len(challenger.users) > 1 else ''}"
    users += "" if enough or not differences else f", {config.min_users} needed to tell"
    reason = (
        f"{challenger.model} {'kept what is published' if objections else 'published'}: {said} ({config.metric} "
        f"{_mean(challenger, config):.4f} on {users}{against}{judged_on and f'; judged on {judged_on}'})."
    )
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
    how = Bootstrap(config.bootstrap_samples, config.seed, config.confidence)
    return paired_difference(challenger.per_user[config.metric], rival.per_user[config.metric], how)
