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

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from recengine.models.base import OnProgress, silent
from recengine.models.kernels.batched_ridge import Problem, Rows

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
        rows: csr_array,
        *,
        start: torch.Tensor | None = None,
        device: str = "cpu",
        on_progress: OnProgress = silent,
    ) -> Self:
        """Fit on implicit feedback.

        Parameters
        ----------
        rows : csr_array of float32, shape (U, M)
            1 where rated.
        start : Tensor of float32, shape (U, K), optional
            Row factors of a fit to nearly the same data: the movies' follow from them, and new row factors from
            these, without further sweeps.
        device : str
            Torch device.
        on_progress : callable
            Called once per sweep.
        """
        config = self.config
        filled = np.flatnonzero(np.diff(rows.indptr))  # the factors of a row without entries are 0
        rows, every = rows[filled], rows.shape[0]
        self.unrated_weight = config.unrated_weight * _share_counted(rows)
        users, movies = (Rows(matrix, device) for matrix in (rows, rows.T.tocsr()))
        if start is not None:
            factors = self._factors(movies, start[torch.from_numpy(filled)].to(device))
        else:
            factors = self._first(rows.shape[1]).to(device)
            sweeps = min(config.sweeps, max(config.most_work // max(rows.nnz, 1), LEAST_SWEEPS))
            for sweep in range(sweeps):
                factors = self._factors(movies, self._factors(users, factors))
                on_progress("low rank", sweep + 1, sweeps)
        self.users, self.movies = torch.zeros(every, config.factors), factors.cpu()
        self.users[torch.from_numpy(filled)] = self._factors(users, factors).cpu()
        return self

    def fold_in(self, rows: csr_array) -> Self:
        """The same for other rows, (B, M): their factors by the last half-step of ``fit``, exactly."""
        folded = copy.copy(self)
        filled = np.flatnonzero(np.diff(rows.indptr))
        folded.users = torch.zeros(rows.shape[0], self.config.factors)
        if len(filled):
            folded.users[torch.from_numpy(filled)] = self._factors(Rows(rows[filled], "cpu"), self.movies)
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

    def _factors(self, rows: Rows, other: torch.Tensor) -> torch.Tensor:
        """Best factors (R, K) of R rows, given the other side's (C, K).

        Solves ``(sum_rated v v' + w V'V + ridge (n + w C) I) p = sum_rated v`` for every row of n ratings.
        """
        config, device, unrated = self.config, other.device, self.unrated_weight
        (count, columns), width = rows.shape, other.shape[1]
        rated = torch.from_numpy(np.diff(rows.targets.indptr)).float()
        problem = Problem(
            inputs=other,
            base=unrated * (other.T @ other),
            ridge=(config.ridge * (rated + unrated * columns)).to(device),
            scale=torch.ones(count, device=device),
            right=torch.zeros(count, width, device=device),
            offsets=torch.zeros(columns, device=device),
            weights=torch.ones(columns, device=device),
            noise=torch.zeros(count, 0, device=device),
        )
        return rows.solve(problem).means


def _share_counted(rows: csr_array) -> float:
    """How far an unrated entry counts: on sparse data there are so many that they would drown the rated ones."""
    unrated = rows.shape[1] * rows.shape[0] / max(rows.nnz, 1)
    return min(1.0, float((FEW_UNRATED / max(unrated, 1.0)) ** 0.25))
