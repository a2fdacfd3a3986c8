"""iALS, implicit matrix factorisation by alternating least squares: a low-rank autoencoder of who rated what.

K latent factors: a user's are the ridge regression of the row of zeros and ones on the movies' factors (the
encoder), a movie's that of its column on the users' (the decoder). Every entry counts, an unrated one only a little.

Y. Hu, Y. Koren and C. Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008; the penalty
per entry is that of S. Rendle et al., "Revisiting the Performance of iALS on Item Recommendation Benchmarks",
RecSys 2022.
"""

from __future__ import annotations

import copy
from typing import Self

import torch
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from recengine.models.base import OnProgress, silent
from recengine.models.parts.half_steps import HalfSteps, OnDevice, Penalty, Stacked, encoded

LEAST_SWEEPS = 3
FEW_UNRATED = 40  # unrated entries to a rated one up to which they count in full
FIRST_SCALE = 0.1  # size of the random factors the alternation starts from


class ImplicitALSConfig(BaseModel):
    """Knobs of iALS; defaults chosen on validation parts of ml-100k."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    factors: int = Field(32, ge=1, description="Number K of latent factors")
    unrated_weight: float = Field(
        0.2, gt=0, description="Weight of an unrated entry, less on sparse data; a rated one counts about 1"
    )
    ridge: float = Field(0.02, gt=0, description="Penalty on factors, per entry they are fitted to")
    sweeps: int = Field(10, ge=1, description="Alternations between users and movies")
    most_work: int = Field(
        75_000_000,
        ge=1,
        description="Bound on sweeps times ratings: larger data, fewer sweeps (at least 3)",
    )


class ImplicitALS:
    """Latent factors P of users and V of movies, whose product P V' reconstructs the rows of zeros and ones."""

    def __init__(self, config: ImplicitALSConfig | None = None, seed: int = 0) -> None:
        self.config, self.seed = config if config is not None else ImplicitALSConfig(), seed
        self.users = torch.zeros(0, 0)  # (U, K)
        self.movies = torch.zeros(0, 0)  # (M, K)
        self.unrated_weight = self.config.unrated_weight  # as far as the data's density lets it count

    def fit(
        self,
        rows: Stacked,
        *,
        start: torch.Tensor | None = None,
        device: str = "cpu",
        on_progress: OnProgress = silent,
    ) -> Self:
        """Fit on implicit feedback.

        Parameters
        ----------
        rows : Stacked
        start : Tensor of float32, shape (R, K), optional
            Row factors of a fit to nearly the same data: the movies' follow from them, and new row factors from
            these, without further sweeps.
        device : str
            Torch device.
        on_progress : callable
            Called once per sweep.
        """
        config = self.config
        self.unrated_weight = config.unrated_weight * _share_counted(rows)
        penalty = Penalty(config.ridge, self.unrated_weight)
        steps = HalfSteps(rows, penalty) if device == "cpu" else OnDevice(rows, penalty, device)
        if start is not None:
            movies = steps.following(start.numpy())
        else:
            movies = self._first(rows.shape[1]).numpy()
            sweeps = min(config.sweeps, max(config.most_work // max(rows.entries, 1), LEAST_SWEEPS))
            for sweep in range(sweeps):
                movies = steps.next(movies)
                on_progress("low rank", sweep + 1, sweeps)
        self.users, self.movies = torch.from_numpy(steps.encoded(movies)), torch.from_numpy(movies)
        return self

    def fold_in(self, rows: csr_array) -> Self:
        """The same for other rows, (B, M): their factors by the last half-step of ``fit``, exactly."""
        folded = copy.copy(self)
        penalty = Penalty(self.config.ridge, self.unrated_weight)
        folded.users = torch.from_numpy(encoded(rows, self.movies.numpy(), penalty))
        return folded

    def state(self) -> dict[str, torch.Tensor]:
        """The factors of both sides."""
        weight = torch.tensor(self.unrated_weight, dtype=torch.float64)
        return {"users": self.users, "movies": self.movies, "unrated_weight": weight}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave; what earlier releases stored counted unrated entries in full."""
        self.users, self.movies = state["users"], state["movies"]
        self.unrated_weight = float(state.get("unrated_weight", self.config.unrated_weight))
        return self

    def _first(self, movies: int) -> torch.Tensor:
        random = torch.Generator().manual_seed(self.seed)
        factors = torch.randn(movies, self.config.factors, generator=random)
        return factors.mul_(FIRST_SCALE).div_(self.config.factors**0.5)


def _share_counted(rows: Stacked) -> float:
    """How far an unrated entry counts: on sparse data there are so many that they would drown the rated ones."""
    unrated = rows.filled * rows.shape[1] / max(rows.entries, 1)
    return min(1.0, float((FEW_UNRATED / max(unrated, 1.0)) ** 0.25))
