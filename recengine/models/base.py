"""The interface of every model: fit on a snapshot, score a block of users, save, load.

A model file writes only its mathematics. Masking seen movies, the exact top N, blocks, files and ids are
done once for all models, in ``recengine.score`` and ``recengine.models.store``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from recengine.snapshot import Snapshot

OnProgress = Callable[[str, int, int], None]
"""Called as ``on_progress(what, done, total)`` while a model trains."""


def silent(what: str, done: int, total: int) -> None:
    """The progress callback of somebody who does not look."""


class ModelConfig(BaseModel):
    """What every model's recipe has; a model adds its own knobs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0, description="Seed of everything random; the same seed gives the same tables")


class Model(ABC):
    """A recommender over the users and movies of one snapshot.

    Attributes
    ----------
    name : str
        What users write after ``--model``.
    Config : type[ModelConfig]
        The model's recipe, a pydantic model; ``config`` holds this model's values.
    history : list of dict
        One entry per epoch or sweep ("step", "train", "validation" ...), for the loss curve.
    """

    name: ClassVar[str]
    Config: ClassVar[type[ModelConfig]] = ModelConfig

    def __init__(self, config: ModelConfig | None = None) -> None:
        self.config: Any = config if config is not None else self.Config()
        self.history: list[dict[str, float]] = []

    @abstractmethod
    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Learn from every rating of the snapshot (a model that needs validation data holds out its own)."""

    def lighter(self) -> Self:
        """An unfitted model with the same ranking for less work: what the gate judges.

        A model with parts that do not rank may cut those short.
        """
        return self

    @abstractmethod
    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        """Ranking scores of a block of users for all movies.

        Parameters
        ----------
        snapshot : Snapshot
            The one the model was fitted on (same users, movies and ratings).
        users : slice
            Range of user indices, B users.

        Returns
        -------
        Tensor of float32, shape (B, M)
            Higher is better; seen movies are not masked here. Always on the CPU.
        """

    @abstractmethod
    def predict(self, snapshot: Snapshot, user_index: np.ndarray, movie_index: np.ndarray) -> np.ndarray:
        """Predicted stars of P (user, movie) pairs, clipped to the data's scale, float32 of shape (P,)."""

    @abstractmethod
    def state(self) -> dict[str, torch.Tensor]:
        """The learned tensors by name; with the config, all that is needed to score again."""

    @abstractmethod
    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
