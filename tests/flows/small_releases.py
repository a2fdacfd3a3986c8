"""Tiny MovieLens folders whose right answer is obvious."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np

# What a source file may hold and a page must show as text.
HOSTILE = (
    "<script>alert(1)</script> (1995)",
    "**bold** [click](javascript:alert(1)) (1996)",
    "'); DROP TABLE core.movies; -- (1997)",
    "a | b ` c \x1b[31mred (1998)",
    '<img src=x onerror="alert(2)"> (1999)',
)
HITS, NICHES = 12, 24


def popularity_wins(folder: Path, users: int = 60) -> Path:
    """A release on which popularity beats whatever learns tastes: in the end everybody rates hits.

    Each user rated 5 of the 12 hits and all but one of the 12 niche movies of their half, then 5 other hits. Who goes
    by taste puts the one that is missing before the hits.
    """
    rows = []
    for user in range(1, users + 1):
        hits = (user + np.arange(HITS)) % HITS + 1
        niche = HITS + 1 + user % 2 * NICHES // 2 + (user // 2 + np.arange(NICHES // 2 - 1)) % (NICHES // 2)
        for number, movie in enumerate([*hits[:5], *niche, *hits[5:10]]):
            rows.append((user, int(movie), 4.0, 1_000_000_000 + number * 1000 + user))
    titles = {movie: f"Movie {movie} (1990)" for movie in range(1, HITS + NICHES + 1)}
    rated = Counter(movie for _, movie, *_ in rows if movie > HITS)  # those most lists have
    titles |= {movie: title for (movie, _), title in zip(rated.most_common(), HOSTILE, strict=False)}
    folder.mkdir(parents=True)
    _write(folder / "ratings.csv", ("userId", "movieId", "rating", "timestamp"), rows)
    movies = [(movie, title, "Drama|Comedy" if movie % 2 else "Drama") for movie, title in titles.items()]
    _write(folder / "movies.csv", ("movieId", "title", "genres"), movies)
    return folder


def everything_rated(folder: Path, users: int = 30, movies: int = 12) -> Path:
    """A release in which nothing is left to recommend."""
    rows = [
        (user, movie, 1.0 + (user + movie) % 5, 1_000_000_000 + (user * 7 + movie * 5) % 101 * 1000 + user)
        for user in range(1, users + 1)
        for movie in range(1, movies + 1)
    ]
    folder.mkdir(parents=True)
    _write(folder / "ratings.csv", ("userId", "movieId", "rating", "timestamp"), rows)
    titles = [(movie, f"Movie {movie} (1990)", "Drama") for movie in range(1, movies + 1)]
    _write(folder / "movies.csv", ("movieId", "title", "genres"), titles)
    return folder


def _write(path: Path, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
