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

ROWS = 4096  # codes solved at a time: bounds the batch of K x K systems
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

    def fit(self, rows: csr_array, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Fit on a csr_array of the rated entries' weights (about 1), shape (U, M)."""
        config, columns = self.config, csr_array(rows.T.tocsr())
        random = torch.Generator().manual_seed(self.seed)
        self.movies = torch.randn(rows.shape[1], config.factors, generator=random)
        self.movies *= FIRST_SCALE / config.factors**0.5
        for sweep in range(config.sweeps):
            self.movies = self._codes(columns, self._codes(rows, self.movies, device), device)
            on_progress("low rank", sweep + 1, config.sweeps)
        self.users = self._codes(rows, self.movies, device)
        return self

    def score(self, users: slice | np.ndarray) -> np.ndarray:
        """Reconstructed rows of a block of users, float64 of shape (B, M).

        In double precision, so that rounded to single a user's scores do not depend on the block.
        """
        return (self.users[users].double() @ self.movies.double().T).numpy()

    def state(self) -> dict[str, torch.Tensor]:
        """The codes of both sides."""
        return {"users": self.users, "movies": self.movies}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self.users, self.movies = state["users"], state["movies"]
        return self

    def _codes(self, rows: csr_array, other: torch.Tensor, device: str) -> torch.Tensor:
        """Best codes (R, K) of R rows, given the other side's codes (C, K).

        Solves ``(sum_rated c v v' + w V'V + ridge (sum c + w C) I) p = sum_rated c v`` for every row.
        """
        config, width = self.config, other.shape[1]
        outer = (other[:, :, None] * other[:, None, :]).reshape(len(other), -1).numpy()  # (C, K K)
        every = config.unrated_weight * (other.T @ other)
        rated = torch.from_numpy(rows.sum(axis=1)).float()
        ridge = config.ridge * (rated + config.unrated_weight * rows.shape[1])
        codes = torch.empty(rows.shape[0], width)
        for start in range(0, rows.shape[0], ROWS):
            part = slice(start, start + ROWS)
            system = torch.from_numpy(rows[part] @ outer).view(-1, width, width) + every
            system.diagonal(dim1=1, dim2=2).add_(ridge[part, None])
            wanted = torch.from_numpy(rows[part] @ other.numpy())[..., None].to(device)
            factor = torch.linalg.cholesky(system.to(device))
            codes[part] = torch.cholesky_solve(wanted, factor)[..., 0].cpu()
        return codes
