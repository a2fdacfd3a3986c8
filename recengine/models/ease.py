"""``ease``: the article's matrix [ratings | genres | attributes], solved as one shallow autoencoder."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import torch
from pydantic import Field
from scipy.sparse import csr_array, hstack

from recengine.models.base import Model, ModelConfig, OnProgress, silent
from recengine.models.biases import BiasConfig, Biases
from recengine.models.gram import pair_sums, rated, user_weights, zero_diagonal_ridge
from recengine.snapshot import DECLARED, Snapshot

ATTRIBUTES = ("gender", "age_band", "occupation", DECLARED)
GENRES = ("genre", "year_bin", DECLARED)


class EaseConfig(ModelConfig):
    """The closed form's knobs; defaults chosen on validation parts of ml-100k and ml-latest-small."""

    ridge: float = Field(400.0, gt=0, description="Penalty on the weights, in ratings")
    genre_weight: float = Field(
        3.0, ge=0, description="Weight of genres, years and categories; 0 leaves them out"
    )
    attribute_weight: float = Field(0.5, ge=0, description="Weight of user attributes; 0 leaves them out")
    count_exponent: float = Field(0.5, ge=0, le=1, description="Users count (mean n / own n) ** this")
    biases: BiasConfig = Field(BiasConfig(), description="Predicted stars")


class Ease(Model):
    """Each movie's column reconstructed from the other movies and the user's attributes, by ridge regression.

    Input row of a user: 1 for each rated movie, a 1, then the attributes. Each genre (and release-year bin)
    is an extra training row, a user who rated exactly that genre's movies: as input columns, the article's
    way, genre counts would contain the very rating that is to be predicted. The weights' diagonal over
    movies is 0, so that no movie predicts itself, and the solution is closed: no epochs, no random start.

    Notes
    -----
    Dense in the catalogue: memory is about 3 x 4 x M^2 bytes while fitting (5 GB for 20,000 movies), time
    grows with M^3. Meant for up to 20,000 - 30,000 movies.

    References
    ----------
    H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019 (EASE); O. Jeunen, J. Van Balen
    and B. Goethals, "Closed-Form Models for Collaborative Filtering with Side-Information", RecSys 2020.
    """

    name: ClassVar[str] = "ease"
    Config: ClassVar[type[ModelConfig]] = EaseConfig

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__(config)
        self.weights = np.zeros((0, 0), dtype=np.float32)  # (M + A, M)
        self.biases = Biases(self.config.biases)

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Sum the Gram matrix and solve; the biases for predicted stars are fitted beside it."""
        config = self.config
        user = user_weights(snapshot, config.count_exponent)
        gram = pair_sums(snapshot.ratings, user)  # (M, M)
        genres = snapshot.movie_group(*GENRES)
        gram += config.genre_weight**2 * (genres @ genres.T).toarray()
        inputs = self._attributes(snapshot)  # (U, A)
        weighted = inputs.multiply(user[:, None]).tocsr()
        cross = (rated(snapshot).T @ weighted).toarray()  # (M, A)
        gram = np.block([[gram, cross], [cross.T, (inputs.T @ weighted).toarray()]]).astype(np.float32)
        on_progress("solving", 0, 1)
        self.weights = zero_diagonal_ridge(gram, config.ridge, outputs=snapshot.movies, device=device)
        self.biases.fit(snapshot)
        on_progress("solving", 1, 1)
        return self

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        """Reconstructed rows of a block of users, (B, M); a user's scores do not depend on the block."""
        inputs = hstack([rated(snapshot)[users], self._attributes(snapshot)[users]], format="csr")
        return torch.from_numpy(np.ascontiguousarray(inputs @ self.weights, dtype=np.float32))

    def predict(self, snapshot: Snapshot, user_index: np.ndarray, movie_index: np.ndarray) -> np.ndarray:
        """Stars from user and movie biases: a shallow model is for ranking."""
        return self.biases.predict(user_index, movie_index)

    def state(self) -> dict[str, torch.Tensor]:
        """The weights and the biases."""
        biases = {f"biases.{name}": tensor for name, tensor in self.biases.state().items()}
        return {"weights": torch.from_numpy(self.weights)} | biases

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self.weights = state["weights"].numpy()
        self.biases.restore({name: state[f"biases.{name}"] for name in ("scalars", "user", "movie")})
        return self

    def _attributes(self, snapshot: Snapshot) -> csr_array:
        """Input columns beside the movies, (U, A): a constant and the user's attributes."""
        constant = csr_array(np.ones((snapshot.users, 1), dtype=np.float32))
        columns = hstack([constant, snapshot.user_group(*ATTRIBUTES)], format="csr", dtype=np.float32)
        return csr_array(columns * np.float32(self.config.attribute_weight))
