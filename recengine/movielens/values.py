"""What the values of a file are written in: times, decimal commas, ids; found from the values themselves."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from recengine.movielens.heads import head_of
from recengine.movielens.records import IDS, PER_SECOND, Reading, Time

FEWEST_TIMES = 3
FEWEST_TEXTS = 5


def with_values(
    reading: Reading, path: Path, earliest: float, latest: float, known_texts: frozenset[str] = frozenset()
) -> Reading:
    """The reading with what most of the first values are written in; whether all are, the load says.

    Parameters
    ----------
    path : Path
        The file as UTF-8.
    earliest, latest : float
        Between which times a rating can have been given, in seconds.
    known_texts : frozenset[str]
        Which of user_id and movie_id are text in a file that was read before.
    """
    rows = _rows(reading, path)
    if reading.header_names:  # the releases without a header have numbers
        text_ids = frozenset(
            name for name in IDS if _is_text(_column(reading, rows, name), name in known_texts)
        )
        reading = replace(reading, text_ids=text_ids)
    return _by_values(reading, rows, earliest, latest) if reading.numbers else reading


def overlooked(reading: Reading, path: Path) -> str | None:
    """The first column of numbers that a ratings file has beside those we know, where it has no ratings."""
    if not reading.numbers or "rating" in reading.columns:
        return None
    rows = _rows(reading, path)
    for at, name in enumerate(reading.columns):
        values = [row[at] for row in rows if row[at].strip()]
        if name.startswith("extra_") and values and all(map(_is_number, values)):
            return reading.header_names[at] if at < len(reading.header_names) else str(at + 1)
    return None


def _rows(reading: Reading, path: Path) -> list[list[str]]:
    """The first records of a ratings file, as far as they have all fields."""
    lines = head_of(path, "utf-8").split("\n")[reading.first_line - 1 : -1]
    if reading.quoted:
        split = list(csv.reader(lines, delimiter=reading.delimiter))
    else:
        split = [line.split(reading.delimiter) for line in lines]
    return [row for row in split if len(row) == len(reading.columns)]


def _is_text(ids: list[str], others_are_text: bool) -> bool:
    """Whether most of the ids are no numbers; a few say so only if those of another file are known to be none."""
    filled = [text for text in ids if text.strip()]
    texts = sum(not _is_number(text) for text in filled)
    return 2 * texts > len(filled) and (others_are_text or texts >= FEWEST_TEXTS)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?\d*[.,]?\d+\s*", text) is not None


def _by_values(reading: Reading, rows: list[list[str]], earliest: float, latest: float) -> Reading:
    ratings = _column(reading, rows, "rating")
    commas = sum(bool(re.fullmatch(r"\s*-?\d+,\d+\s*", text)) for text in ratings)
    points = sum("." in text for text in ratings)
    time = likely_time(_column(reading, rows, "rated_at"), earliest, latest)
    return replace(reading, time=time, decimal_comma=commas > points)


def likely_time(values: Iterable[str], earliest: float, latest: float) -> Time:
    """What most of the values are written in; seconds where nothing says otherwise."""
    votes: dict[Time, int] = dict.fromkeys((*PER_SECOND, "text"), 0)
    for text in values:
        try:
            number = float(text)
        except ValueError:
            votes["text"] += bool(re.match(r"\s*\d{4}[-/]\d", text))
            continue
        for unit, per_second in PER_SECOND.items():
            votes[unit] += earliest <= number / per_second <= latest
    return elected(votes)


def elected(votes: Mapping[Time, int]) -> Time:
    """The way to write times that most values fit; a value or two do not speak for another unit than seconds."""
    heard = {way: n if n >= FEWEST_TIMES or way in ("seconds", "text") else 0 for way, n in votes.items()}
    return max(heard, key=lambda way: heard[way])


def _column(reading: Reading, rows: Iterable[list[str]], name: str) -> list[str]:
    if name not in reading.columns:
        return []
    at = reading.columns.index(name)
    return [row[at] for row in rows]
