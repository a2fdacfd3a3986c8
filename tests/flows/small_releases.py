"""Tiny MovieLens folders whose right answer is obvious."""

from __future__ import annotations

import csv
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
HITS, NICHES = 10, 50


def popularity_wins(folder: Path, users: int = 60) -> Path:
    """A release on which nothing beats popularity: in the newest fifth everybody rates the hits they lack.

    Each user rated 7 of the 10 hits and 5 of 50 niche movies, then the other 3 hits: the list of the most
    popular unseen movies begins with exactly those 3.
    """
    rng = np.random.default_rng(0)
    rows = []
    for user in range(1, users + 1):
        hits = (user + np.arange(HITS)) % HITS + 1
        early = [*hits[:7], *(rng.choice(NICHES, 5, replace=False) + HITS + 1)]
        rows += [(user, movie, 4.0, 1_000_000_000 + user * 100 + i) for i, movie in enumerate(early)]
        rows += [(user, movie, 5.0, 1_100_000_000 + user * 100 + i) for i, movie in enumerate(hits[7:])]
    titles = {movie: f"Movie {movie} (1990)" for movie in range(1, HITS + NICHES + 1)}
    titles |= {movie: HOSTILE[movie % len(HOSTILE)] for movie in range(HITS + 1, HITS + NICHES + 1)}
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
