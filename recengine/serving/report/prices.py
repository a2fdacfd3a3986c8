"""What made the lists other than the model's best scores, and what that costs: rows of the page."""

from __future__ import annotations

import json
from typing import Any

PRICE_HEADER = ("what", "nDCG", "change", "coverage", "diversity", "miscalibration", "Gini", "users")

_FIGURES = ("coverage", "intra_list_diversity", "miscalibration", "gini")


def price_rows(publication: dict[str, Any]) -> list[tuple[str, ...]]:
    """A row for each switch of a publication, figures as without it and changed by it; empty where none is on."""
    told = publication.get("switches") or "[]"  # files of earlier releases say nothing
    return [_row(price) for price in (json.loads(told) if isinstance(told, str) else told)]


def _row(price: dict[str, Any]) -> tuple[str, ...]:
    if "ndcg_change" not in price:
        return (price["what"], "not measured", *[""] * (len(PRICE_HEADER) - 2))
    mean, low, high = price["ndcg_change"]
    before = _by_name(price["without"])["ndcg"]
    share = f" ({mean / before:+.1%})" if before else ""
    others = (_pair(price, name) for name in _FIGURES)
    change = f"{mean:+.4f}{share} [{low:+.4f}, {high:+.4f}]"
    return (price["what"], _pair(price, "ndcg"), change, *others, f"{price['users']:,}")


def _pair(price: dict[str, Any], name: str) -> str:
    without, changed = _by_name(price["without"]), _by_name(price["changed"])
    if name not in without or name not in changed:
        return "-"
    return f"{without[name]:.4f} → {changed[name]:.4f}"


def _by_name(figures: dict[str, float]) -> dict[str, float]:
    """Figures without their cut-off."""
    return {name.partition("@")[0]: value for name, value in figures.items()}
