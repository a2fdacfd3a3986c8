"""A low-rank autoencoder of the rated-at-all matrix, fitted by alternating least squares.

Encoder and decoder of K numbers: a user's code is the ridge regression of the row on the movies' codes, a
movie's code that of the column on the users' codes. Every entry counts, an unrated one only a little.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from recengine.models.base import OnProgress, silent
from recengine.models.kernels.batched_ridge import Problem, Rows

LEAST_SWEEPS = 3
FIRST_SCALE = 0.1  # size of the random codes the alternation starts from


class LowRankConfig(BaseModel):
    """Knobs of the low-rank autoencoder; defaults chosen on validation parts of ml-100k."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    factors: int = Field(32, ge=1, description="Length K of a code")
    unrated_weight: float = Field(
        0.2, gt=0, description="Weight of an unrated entry; a rated one counts about 1"
    )
    ridge: float = Field(0.02, gt=0, description="Penalty on a code, per entry it is fitted to")
    sweeps: int = Field(10, ge=1, description="Alternations between users and movies")
    most_work: int = Field(
        75_000_000,
        ge=1,
        description="Bound on sweeps times ratings: larger data, fewer sweeps (at least 3)",
    )


class LowRank:
    """Reconstruction P V' of the rated-at-all matrix.

    References
    ----------
    Y. Hu, Y. Koren and C. Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008; the
    penalty per entry is that of S. Rendle et al., "Revisiting the Performance of iALS", RecSys 2022.
    """

    def __init__(self, config: LowRankConfig | None = None, seed: int = 0) -> None:
        self.config, self.seed = config if config is not None else LowRankConfig(), seed
        self.users = torch.zeros(0, 0)  # (U, K)
        self.movies = torch.zeros(0, 0)  # (M, K)

    def fit(
        self,
        rows: csr_array,
        *,
        start: torch.Tensor | None = None,
        device: str = "cpu",
        on_progress: OnProgress = silent,
    ) -> Self:
        """Fit on a csr_array of ones where rated, shape (U, M).

        Row codes to start from, (U, K), are those of a fit to nearly the same data: the movies' codes follow from
        them, and new row codes from these.
        """
        config = self.config
        filled = np.flatnonzero(np.diff(rows.indptr))  # the code of a row without entries is 0
        rows, every = rows[filled], rows.shape[0]
        users, movies = (Rows(matrix, device) for matrix in (rows, rows.T.tocsr()))
        if start is not None:
            codes = self._codes(movies, start[torch.from_numpy(filled)].to(device))
        else:
            codes = self._first(rows.shape[1]).to(device)
            sweeps = min(config.sweeps, max(config.most_work // max(rows.nnz, 1), LEAST_SWEEPS))
            for sweep in range(sweeps):
                codes = self._codes(movies, self._codes(users, codes))
                on_progress("low rank", sweep + 1, sweeps)
        self.users, self.movies = torch.zeros(every, config.factors), codes.cpu()
        self.users[torch.from_numpy(filled)] = self._codes(users, codes).cpu()
        return self

    def state(self) -> dict[str, torch.Tensor]:
        """The codes of both sides."""
        return {"users": self.users, "movies": self.movies}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self.users, self.movies = state["users"], state["movies"]
        return self

    def _first(self, movies: int) -> torch.Tensor:
        random = torch.Generator().manual_seed(self.seed)
        codes = torch.randn(movies, self.config.factors, generator=random)
        return codes * FIRST_SCALE / self.config.factors**0.5

    def _codes(self, rows: Rows, other: torch.Tensor) -> torch.Tensor:
        """Best codes (R, K) of R rows, given the other side's codes (C, K).

        Solves ``(sum_rated v v' + w V'V + ridge (n + w C) I) p = sum_rated v`` for every row of n ratings.
        """
        config, device = self.config, other.device
        (count, columns), width = rows.shape, other.shape[1]
        rated = torch.from_numpy(np.diff(rows.targets.indptr)).float()
        problem = Problem(
            inputs=other,
            base=config.unrated_weight * (other.T @ other),
            ridge=(config.ridge * (rated + config.unrated_weight * columns)).to(device),
            scale=torch.ones(count, device=device),
            right=torch.zeros(count, width, device=device),
            offsets=torch.zeros(columns, device=device),
            weights=torch.ones(columns, device=device),
        )
        return rows.solve(problem).means
