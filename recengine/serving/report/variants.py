"""Variants side by side: what came of each beside a plainer one, as rows of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

VARIANT_HEADER = ("variant", "against", "days", "hit rate", "against", "difference, 95 % interval")


def variant_rows(compared: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """A row for each pair; none where no two were side by side.

    Parameters
    ----------
    compared : sequence of mapping
        The rows of a published file's ``outcomes_by_variant``.
    """
    return [
        (
            one["variant"],
            one["against"],
            f"{one['first_day']} to {one['last_day']}",
            f"{one['hit_rate']:.2%} of {one['shown']:,}",
            f"{one['hit_rate_against']:.2%} of {one['shown_against']:,}",
            _difference(one),
        )
        for one in compared
    ]


def _difference(one: Mapping[str, Any]) -> str:
    if one["difference_low"] is None:
        return f"{one['difference']:+.2%} (too few hits for an interval)"
    return f"{one['difference']:+.2%} [{one['difference_low']:+.2%}, {one['difference_high']:+.2%}]"
