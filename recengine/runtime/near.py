"""Names that were mistyped: which known one was meant, in the words of a refusal."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LIKENESS = 0.6  # difflib's own: hybird is hybrid, and neither train nor x is anything
_LISTED = 24  # more names than that are no help


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, whatever its case; None where none is near."""
    by_lower = {one.lower(): one for one in known}
    found = get_close_matches(name.strip().lower(), by_lower, n=1, cutoff=_LIKENESS)
    return by_lower[found[0]] if found else None


def meant(name: str, known: Iterable[str]) -> str:
    """`` (did you mean hybrid?)`` to stand after a name, empty where none is near."""
    near = nearest(name, known)
    return f" (did you mean {near}?)" if near else ""


def choose(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """What to do about a name that there is not, as the end of a sentence: it stands after a semicolon.

    Parameters
    ----------
    name : str
        What was written.
    known : iterable of str
        What there is.
    otherwise : str
        What else may be done, such as "give an import path".

    Returns
    -------
    str
        ``did you mean hybrid? Choose one of ease, hybrid.``, or ``choose one of ease, hybrid.``
    """
    names = list(known)
    near = nearest(name, names)
    listed = f"choose one of {', '.join(names[:_LISTED])}{' …' if len(names) > _LISTED else ''}"
    ends = ", or ".join(filter(None, [listed if names else "", otherwise])) or "there is none yet"
    return f"did you mean {near}? {ends[0].upper()}{ends[1:]}." if near else f"{ends}."
