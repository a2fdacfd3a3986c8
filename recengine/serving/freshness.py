"""How old what readers see is: since when its lists are, or were last found to be, those of the newest data."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from recengine.config import Home
from recengine.errors import BadInput
from recengine.serving import monitoring
from recengine.serving.queries import serving

_AGE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Freshness(BaseModel):
    """Whether what readers see is older than it may be.

    Attributes
    ----------
    version, dataset : str
        What readers see.
    fresh_at : datetime
        UTC. When its lists were scored, or when the last night found that its data had not changed since.
    age_seconds, limit_seconds : float
    stale : bool
    sentence : str
    """

    version: str
    dataset: str
    fresh_at: datetime
    age_seconds: float
    limit_seconds: float
    stale: bool
    sentence: str


def age_of(text: str) -> timedelta:
    """An age as people write it: ``90m``, ``26h`` or ``3d``.

    Raises
    ------
    BadInput
        It is none.
    """
    found = _AGE.fullmatch(text.strip())
    if not found or not float(found[1]):
        raise BadInput(f"{text!r} is no age; write a number with m, h or d, such as 90m, 26h or 3d.")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


def in_words(age: timedelta) -> str:
    """An age in the unit that it is told best in."""
    minutes = max(age.total_seconds(), 0) / 60
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} hours" if minutes < 72 * 60 else f"{minutes / 1440:.1f} days"


def freshness(home: Home, limit: timedelta, now: datetime | None = None) -> Freshness:
    """Whether what readers see is older than a limit.

    It takes no more than a reader may read: the published file, and ``metrics.prom`` where there is one.

    Raises
    ------
    NotReady
        Nothing is published yet.
    """
    with serving(home) as con:
        # As text: objects of times with a zone need a package that readers of ours need not have.
        [(version, dataset, scored)] = con.execute(
            "SELECT version, dataset, epoch(generated_at) FROM publication"
        ).fetchall()
    fresh_at = datetime.fromtimestamp(max(scored, monitoring.confirmed(home, version)), UTC)
    age = (now or datetime.now(UTC)) - fresh_at
    stale = age > limit
    sentence = (
        f"{'Stale' if stale else 'Fresh'}: version {version} of {dataset} was up to date {in_words(age)} ago "
        f"({fresh_at:%Y-%m-%d %H:%M} UTC), and {in_words(limit)} are allowed"
        + ("; see why the nights since published nothing: recengine status." if stale else ".")
    )
    return Freshness(
        version=version,
        dataset=dataset,
        fresh_at=fresh_at,
        age_seconds=age.total_seconds(),
        limit_seconds=limit.total_seconds(),
        stale=stale,
        sentence=sentence,
    )
