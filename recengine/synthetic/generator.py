"""Synthetic MovieLens-shaped data: believable enough to learn from, in any layout, at any size.

``generate`` draws people and movies (``population``), decides who rates what and when (``sampling``), gives
the stars, and hands everything to ``writer``. One config always gives the same files on one machine.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from recengine.errors import BadInput
from recengine.runtime.near import choose
from recengine.synthetic import writer
from recengine.synthetic.population import Movies, Users, draw_movies, draw_users
from recengine.synthetic.sampling import OnProgress, Picks, pick_movies, rating_counts
from recengine.synthetic.titles import draw_titles
from recengine.synthetic.visits import Calendar

log = logging.getLogger(__name__)

LAYOUTS = ("ml-100k", "ml-1m", "ml-10m", "csv")
CSV_RELEASES = ("ml-20m", "ml-25m", "ml-32m", "ml-latest", "ml-latest-small")
SPAN_YEARS = {"ml-100k": 2, "ml-1m": 2, "ml-10m": 14, "csv": 20}
"""From the first arrival to the newest rating, 2026-06-30."""

_MEAN_STARS = 3.59  # before the ends of the scale cut; 3.53 after it, as in ml-100k
_TASTE_IN_STARS = 0.52  # stars per unit of the taste's log-odds
_NOISE_IN_STARS = 0.78
_STEP = 250_000  # ratings per vectorised step of the stars: bounds the memory


class GeneratorConfig(BaseModel):
    """What to generate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layout: Literal["ml-100k", "ml-1m", "ml-10m", "csv"] = Field(
        "ml-1m", description="File layout; ml-20m, ml-25m, ml-32m, ml-latest and ml-latest-small mean csv"
    )
    users: int = Field(1_000, ge=1, le=5_000_000, description="Number of users; each rates something")
    movies: int = Field(1_700, ge=1, le=500_000, description="Number of movies")
    ratings: int = Field(100_000, ge=1, le=1_000_000_000, description="Exact number of ratings")
    seed: int = Field(0, ge=0, description="The same seed gives the same files")
    demographics: bool = Field(False, description="csv only: also write users.csv (gender, age, occupation)")

    @field_validator("layout", mode="before")
    @classmethod
    def _known_layout(cls, value: Any) -> Any:
        name = "csv" if value in CSV_RELEASES else value
        if name not in LAYOUTS:
            raise BadInput(f"There is no layout {value!r}; {choose(str(value), LAYOUTS + CSV_RELEASES)}")
        return name

    @model_validator(mode="after")
    def _possible(self) -> GeneratorConfig:
        most = self.users * self.movies
        if self.ratings > most:
            raise BadInput(
                f"{self.ratings:,} ratings are more than {self.users:,} users can give {self.movies:,} "
                f"movies; ask for at most {most:,} ratings."
            )
        if self.ratings < self.users:
            raise BadInput(
                f"{self.ratings:,} ratings are too few for {self.users:,} users with at least one each; "
                f"ask for at least {self.users:,} ratings, or fewer users."
            )
        if self.demographics and self.layout == "ml-10m":
            raise BadInput(
                "The layout ml-10m has no users file; use csv for users with gender, age and occupation."
            )
        return self


DEMO = GeneratorConfig(layout="ml-1m", users=1_000, movies=1_700, ratings=100_000, seed=20260630)
"""The demo dataset: about as large as ml-100k, with the demographics of ml-1m."""


@dataclass(frozen=True)
class Generated:
    """What was written: the folder, the config, the seconds it took and the fewest ratings of a user."""

    folder: Path
    config: GeneratorConfig
    min_ratings_per_user: int
    seconds: float


@dataclass(frozen=True)
class Simulation:
    """A dataset in memory, before it has a layout; ``ratings`` index ``users`` and ``movies``."""

    users: Users
    movies: Movies
    titles: NDArray[np.object_]
    ratings: writer.Ratings


def _silent(what: str, done: int, total: int) -> None:
    """The progress callback of somebody who does not look."""


def generate(folder: Path, config: GeneratorConfig, on_progress: OnProgress = _silent) -> Generated:
    """Write a generated dataset into a new folder.

    Parameters
    ----------
    folder : Path
        Must not exist, or be empty; it appears when everything is written, complete or not at all.
    config : GeneratorConfig
    on_progress : callable
        Called as ``on_progress(what, done, total)``.

    Returns
    -------
    Generated
        Users have at least 20 ratings each where ``config.ratings`` allows it, as in the real releases.

    Raises
    ------
    BadInput
        If the folder exists and is not empty.
    """
    started = time.perf_counter()
    with writer.new_folder(folder) as building:
        data = simulate(config, on_progress)
        writer.write(building, config.layout, data.users, data.movies, data.titles, data.ratings,
                     demographics=config.demographics, seed=config.seed, on_progress=on_progress)  # fmt: skip
    seconds = time.perf_counter() - started
    log.info("generated %s: %d ratings in %.1f s", folder, config.ratings, seconds)
    fewest = int(np.diff(data.ratings.offsets).min())
    return Generated(folder=folder, config=config, min_ratings_per_user=fewest, seconds=seconds)


def simulate(config: GeneratorConfig, on_progress: OnProgress = _silent) -> Simulation:
    """Draw users, movies and ratings; about 50 bytes per rating and some blocks of users x movies."""
    rng = np.random.default_rng([config.seed, 0])
    users = draw_users(config.users, rng)
    calendar = Calendar.over_years(SPAN_YEARS[config.layout])
    movies = draw_movies(
        config.movies,
        calendar.last_release,
        no_genre_share={"csv": 0.015, "ml-100k": 0.001}.get(config.layout, 0.0),
        id_gap={"csv": 3.5, "ml-10m": 6.0, "ml-1m": 1.02}.get(config.layout, 1.0),
        rng=rng,
    )
    counts = rating_counts(config.users, config.movies, config.ratings, rng)
    picks = pick_movies(users.taste, movies, counts, calendar, config.seed, on_progress)
    ratings = _rate(users, movies, picks, calendar, config, on_progress)
    return Simulation(users, movies, draw_titles(movies.year, rng), ratings)


def _rate(
    users: Users,
    movies: Movies,
    picks: Picks,
    calendar: Calendar,
    config: GeneratorConfig,
    on_progress: OnProgress,
) -> writer.Ratings:
    """Date every pick and give its stars: user + movie + taste + noise, on the layout's grid."""
    rng = np.random.default_rng([config.seed, 1])
    total = len(picks.movie)
    rated_at = np.empty(total, dtype=np.int64)
    stars = np.empty(total, dtype=np.float32)
    for start in range(0, total, _STEP):
        part = slice(start, min(start + _STEP, total))
        movie = picks.movie[part]
        user = np.searchsorted(picks.offsets, np.arange(part.start, part.stop), side="right") - 1
        rated_at[part] = picks.rated_at(user, movie, calendar, rng)
        match = np.einsum("rk,rk->r", users.taste[user], movies.taste.T[movie])
        stars[part] = users.bias[user] + movies.bias[movie] + _TASTE_IN_STARS * match
        stars[part] += rng.normal(0, _NOISE_IN_STARS, len(movie)).astype(np.float32)
        on_progress("rate", part.stop, total)
    stars += np.float32(_MEAN_STARS - stars.mean(dtype=np.float64))
    rated_at += calendar.end - rated_at.max()  # the newest rating is of the last day; all move alike
    halves = users.halves if config.layout in ("ml-10m", "csv") else None
    return writer.Ratings(picks.offsets, picks.movie, _on_grid(stars, halves, picks.offsets, rng), rated_at)


def _on_grid(
    stars: NDArray[np.float32],
    halves: NDArray[np.float32] | None,
    offsets: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.int8]:
    """Round to whole stars 1..5, or to half stars 0.5..5 as often as each user does; in half stars, int8."""
    whole = np.clip(np.rint(stars), 1, 5).astype(np.int8) * np.int8(2)
    if halves is None:
        return np.asarray(whole)
    often = np.repeat(halves, np.diff(offsets))
    half = np.clip(np.rint(stars * 2), 1, 10).astype(np.int8)
    return np.asarray(np.where(rng.random(len(stars), dtype=np.float32) < often, half, whole))
