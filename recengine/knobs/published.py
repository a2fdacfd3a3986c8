"""What the published tables can be told: their rows, what must hold, what is kept. Cheap to import, as ``stages``."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator

from recengine.config import StageConfig
from recengine.knobs.exports import Export

Device = Literal["auto", "cpu", "cuda", "mps"]

# The knobs of a list's order beside the model's score: off by default, each with its price.
SWITCHES = ("diversity", "calibration", "popularity_debias", "rank_by")


class ScoreConfig(StageConfig):
    """How many rows the published tables have, and where they are computed."""

    top_n: int = Field(10, ge=1, le=1000, description="Recommendations per user")
    similar_n: int = Field(10, ge=1, le=100, description="Neighbours per movie")
    genre_n: int = Field(
        0,
        ge=0,
        le=100,
        description="Recommendations per user within each genre (recommendations_by_genre); 0 makes none",
    )
    reasons: int = Field(
        3,
        ge=0,
        le=20,
        description="Reasons per recommendation that are told by themselves, beside the rest; 0 makes none",
    )
    device: Device = Field("cpu", description="Where users are scored: as device of training")
    diversity: float = Field(
        0.0,
        ge=0,
        le=0.9,
        description="Weight of a list's movies being unlike each other, by genres and by who rates them, against "
        "their scores; 0 is off, 0.1 mild",
    )
    calibration: float = Field(
        0.0,
        ge=0,
        le=0.9,
        description="Weight of a list's shares of genres being those of the user's own movies, against the scores; "
        "0 is off, 0.1 mild",
    )
    popularity_debias: float = Field(
        0.0,
        ge=0,
        le=2,
        description="How far a movie's score is freed from how many have rated it; 0 is off, 0.1 mild",
    )
    rank_by: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Weight of predicted stars in the order of a list: 0 ranks the best movies by score, 1 by stars",
    )

    variants: str = Field(
        "",
        max_length=500,
        pattern=r"^[\w.:+=, -]*$",
        description="Kinds of lists side by side, each for its share of the users: the model, alone or with "
        "switches, such as hybrid,hybrid+diversity or hybrid,hybrid+rank_by=0.3; empty makes one kind",
    )
    rules: str = Field(
        "",
        max_length=4_000,
        pattern=r"^[^\x00-\x1f]*$",
        description="Folder of rules (exclude_*.sql, only_*.sql, boost_*.sql, cap_*.sql, pin_*.sql); when left "
        "out the one that the data's dataset.toml names, else rules/ in the home, where there is one",
    )
    rule_parameters: tuple[str, ...] = Field(
        (),
        max_length=50,
        description="Values that rules take, each as name=value",
    )

    @field_validator("rule_parameters", mode="before")
    @classmethod
    def _may_be_one_line(cls, told: Any) -> Any:
        if not isinstance(told, str):
            return told
        # A comma parts values only where another name= follows: a value may be a list.
        parts = re.split(r",(?=\s*\w+\s*=)", told)
        return [one.strip(" ,") for one in parts if one.strip(" ,")]

    @property
    def switches(self) -> dict[str, float]:
        """What makes lists other than the model's best scores, by name, as far as it is on."""
        weights = {name: float(getattr(self, name)) for name in SWITCHES}
        return {name: weight for name, weight in weights.items() if weight > 0}


class GuardConfig(StageConfig):
    """What new tables may look like, by themselves and next to the published ones."""

    min_users: int = Field(
        20, ge=2, description="With fewer users, lists may be alike by chance: not checked"
    )
    min_catalogue: float = Field(
        5.0,
        ge=1,
        le=1e6,
        description="With fewer movies than this many lists hold, lists must be alike: not checked",
    )
    max_same_list: float = Field(0.5, gt=0, le=1, description="Share of the users who may get one same list")
    max_head: float = Field(
        0.9, gt=0, le=1, description="Share of all rows that the N most recommended movies may take"
    )
    min_coverage_ratio: float = Field(
        0.5, ge=0, le=1, description="Least coverage of the catalogue, as a share of the published tables'"
    )
    min_kept: float = Field(
        0.02, ge=0, le=1, description="Least mean share of a user's published movies that stay on the list"
    )
    max_score_shift: float = Field(
        3.0, gt=0, le=1e6, description="How many published standard deviations the mean score may move"
    )
    max_score_spread: float = Field(
        4.0, gt=1, le=1e6, description="Factor by which the scores' standard deviation may grow or shrink"
    )


class PublishConfig(StageConfig):
    """What readers get besides the lists, and what must hold before they do."""

    keep_versions: int = Field(5, ge=1, le=1000, description="Published versions to keep for rollback")
    popular_rows: int = Field(
        100, ge=1, le=10_000, description="Popular movies per segment, for users nobody knows yet"
    )
    popular_prior_users: float = Field(
        50.0,
        ge=0,
        le=1e9,
        description="How many users of everybody's taste are added to a segment, so that small ones are not odd",
    )
    ratings: bool = Field(
        True,
        description="Whether readers see what each user rated (the table ratings, about 10 bytes a rating)",
    )
    exports: tuple[Export, ...] = Field(
        (),
        max_length=20,
        description="What else becomes of a publication: parquet, csv, postgres or an exporter of your own by import "
        "path, alone or with where to, such as parquet /mnt/recs or postgres postgresql://host/database",
    )
    guard: GuardConfig = Field(GuardConfig(), description="What new tables may look like")

    @field_validator("exports", mode="before")
    @classmethod
    def _may_be_one_line(cls, told: Any) -> Any:
        return [name.strip() for name in told.split(",") if name.strip()] if isinstance(told, str) else told


class RetentionConfig(StageConfig):
    """What is kept after a night."""

    models: int = Field(
        5, ge=1, le=1000, description="Newest trained models to keep, besides those of kept versions"
    )
    history_days: int = Field(
        400,
        ge=1,
        le=10_000,
        description="Days that loads, publications and trials stay in the history (ops.*)",
    )
    lists_days: int = Field(
        400,
        ge=1,
        le=10_000,
        description="Days that lists of past versions stay, so that ratings made while they were live are counted",
    )
    results_days: int = Field(
        30,
        ge=1,
        le=10_000,
        description="Days that a failed run can be retried from its last finished task",
    )
