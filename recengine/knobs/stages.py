"""What each stage can be told: name, default, bounds and meaning of every knob. Cheap to import: no torch here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from recengine.config import StageConfig
from recengine.errors import BadInput
from recengine.knobs.published import (
    Device,
    GuardConfig,
    PublishConfig,
    RetentionConfig,
    ScoreConfig,
)
from recengine.movielens.scale import PATTERN, parse

__all__ = [
    "ClusterConfig",
    "Device",
    "EngineName",
    "GateConfig",
    "GuardConfig",
    "IngestConfig",
    "PublishConfig",
    "Recency",
    "RetentionConfig",
    "ReuseConfig",
    "ScoreConfig",
    "TrainConfig",
    "TuneConfig",
]

RANKING_METRICS = ("ndcg", "precision", "recall", "recall_capped", "map", "mrr", "hit_rate")

EngineName = Literal["local", "ray"]
Recency = Literal["auto", "off"]


class IngestConfig(StageConfig):
    """How source files are read into the warehouse."""

    max_bad_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Largest share of unusable rows a load accepts; with more, the previous data stays",
    )
    earliest_year: int = Field(
        1990,
        ge=1970,
        le=2100,
        description="Ratings dated before this year are quarantined as absurd (MovieLens began in 1995)",
    )
    scale: str = Field(
        "",
        pattern=rf"^({PATTERN})?$",
        description="The ratings' scale as low-high/step, such as 0-10/1, or implicit for data without ratings; "
        "left empty, it is as dataset.toml says, else found from all ratings",
    )

    @field_validator("scale")
    @classmethod
    def _is_a_scale(cls, text: str) -> str:
        try:
            if text:
                parse(text)
        except BadInput as error:
            raise ValueError(str(error).rstrip(".")) from error
        return text


class GateConfig(StageConfig):
    """When a challenger may be published."""

    earlier: ClassVar[Mapping[str, str]] = {"draws": "bootstrap_samples"}

    metric: str = Field(
        "ndcg@10",
        pattern=rf"^({'|'.join(RANKING_METRICS)})@\d+$",
        description="Rank metric that decides, at one of the evaluation's cut-offs",
    )
    tolerance: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="A gain over the champion of no more than this share of its metric is a tie",
    )
    min_users: int = Field(
        50,
        ge=1,
        description="Judged users it takes to replace the champion, or a model by popularity; "
        "where the newest ratings are about fewer, more ratings are judged",
    )
    bootstrap_samples: int = Field(
        1000,
        ge=100,
        le=1_000_000,
        description="How often the users are sampled again for the intervals of the differences",
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="Confidence of the intervals of the differences")
    seed: int = Field(0, ge=0, description="Seed of the samples that the intervals come from")


class ReuseConfig(StageConfig):
    """What a night may take over from the last one."""

    earlier: ClassVar[Mapping[str, str]] = {"growth": "max_changed_share", "days": "max_days"}

    least_ratings: int = Field(
        5_000_000, ge=0, le=10**10, description="Smaller data is judged and trained from nothing every night"
    )
    max_changed_share: float = Field(
        0.01,
        ge=0,
        le=0.1,
        description="Share of the ratings that may have come, gone or changed since the verdict",
    )
    max_days: int = Field(
        30, ge=0, le=3650, description="Days after which the gate judges again whatever has changed"
    )
    from_scratch: bool = Field(
        False, description="Judge and train anew, whatever the size and what is stored"
    )


class TrainConfig(StageConfig):
    """Which recipe challenges, and how it is judged.

    Whether there is such a model, and whether it has such knobs, is seen where its recipe is made.
    """

    earlier: ClassVar[Mapping[str, str]] = {"carry": "reuse"}

    model: str = Field(
        "hybrid",
        max_length=200,
        description="The model that challenges what is published: a built-in one by name, any other by import path",
    )
    recency: Recency = Field(
        "auto", description="auto learns how much recent popularity counts; off ranks by all-time taste"
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        description="Seed of everything random; the same seed gives the same tables",
    )
    knobs: dict[str, Any] = Field(
        {}, description='The model\'s own knobs where they are not to be the defaults, such as {"ridge": 500}'
    )
    device: Device = Field(
        "cpu",
        description="Where models are fitted: auto takes CUDA, else Apple's MPS, else the CPU. Only on the CPU the "
        "same seed gives the same bits",
    )
    holdout_share: float = Field(
        0.2,
        gt=0,
        lt=0.5,
        description="Newest share of the ratings that judges the candidates, and share of each slice before it",
    )
    judged_ratings: int = Field(
        1_000_000,
        ge=1000,
        le=10**10,
        description="Ratings that candidates are judged on: of larger data, those of a random sample of users",
    )
    gate: GateConfig = Field(GateConfig(), description="When a challenger may be published")
    reuse: ReuseConfig = Field(
        ReuseConfig(),
        description="When the last verdict stands and training starts from the published model",
    )

    @field_validator("knobs")
    @classmethod
    def _are_the_models(cls, knobs: dict[str, Any]) -> dict[str, Any]:
        if doubled := knobs.keys() & {"seed", "recency"}:
            raise ValueError(f"{', '.join(sorted(doubled))} stands beside the model's knobs, not among them")
        return knobs

    @property
    def rules(self) -> str:
        """How candidates are judged, as canonical JSON."""
        others = {"reuse", "model", "recency", "knobs", "device"}
        return json.dumps(self.model_dump(mode="json", exclude=others), sort_keys=True)


class TuneConfig(StageConfig):
    """How long the recipe's knobs are searched, and when one leaves its default."""

    budget: float = Field(
        10.0, gt=0, le=10_000, description="Minutes that a tuning may take, by hand or every week"
    )
    first_night: float = Field(
        20.0,
        ge=0,
        le=36_000,
        description="Seconds that a home's first night, and recengine evaluate, may tune before they judge; 0: none",
    )
    agree: float = Field(
        1.0,
        ge=0.5,
        le=1,
        description="Share of the splits on which a value has to gain before a knob leaves its default",
    )
    trials: int = Field(1000, ge=1, le=1_000_000, description="Most trials of a search")


class ClusterConfig(StageConfig):
    """Where work on shards of users is done; the tables are the same."""

    engine: EngineName = Field(
        "local",
        description="What works on shards of users: local is this process, ray a Ray cluster (recengine[ray])",
    )
    ray_address: str = Field(
        "local",
        pattern=r"^(local|auto|(ray://)?[A-Za-z0-9.-]+:\d+)$",
        description="The Ray cluster: local starts workers on this machine, auto is the one that it belongs "
        "to, ray://host:10001 or host:6379 one elsewhere; all see the home under its path",
    )
