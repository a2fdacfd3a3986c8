"""The seed: the article's stacked autoencoder over [ratings | genre counts | attributes], with its switches.

H. Shinde, "Deep Autoencoders for movie recommendations" (2018). One row per user holds the ratings of all
movies, the count of movies rated >= 3 per genre, and female, male, age and registration months; a stack of
sigmoid layers reconstructs the ratings. ``faithful=True`` trains as the author's code ran: one user per
step, RMSprop with weight decay 0.5, and gradients that are never zeroed, so each step follows the sum of
all gradients so far. That is why the decay does no harm there; with zeroed gradients it drives every
prediction to 0. The default trains sanely instead: residuals over user and movie biases, scaled inputs,
mini-batches, zeroed gradients, loss per observed rating, and early stopping on held-out ratings.
"""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from recengine.dataset import DECLARED, Snapshot, implicit_feedback
from recengine.errors import BadInput
from recengine.models.base import Model, ModelConfig, OnProgress, silent
from recengine.models.parts.biases import Biases
from recengine.models.parts.minibatches import Group, HeldOut, MiniBatches, passes
from recengine.models.parts.sigmoid_stack import initialise, stack
from recengine.models.spread import OverShards
from recengine.models.together import Together

Shape = Literal["3", "5", "7", "9"]

# Hidden layers. "3" and "9" are printed in the article, "5" and "7" are its shapes in between.
SHAPES: dict[Shape, tuple[int, ...]] = {
    "3": (20, 10, 20),
    "5": (50, 20, 10, 20, 50),
    "7": (100, 50, 20, 10, 20, 50, 100),
    "9": (300, 100, 50, 20, 10, 20, 50, 100, 300),
}


class SaeConfig(ModelConfig):
    """The article's switches, and those of sane training."""

    layers: Shape = Field("3", description="Number of hidden layers")
    columns: Literal["ratings", "genres", "attributes", "both"] = Field(
        "both", description="What a user's row holds besides the ratings"
    )
    faithful: bool = Field(False, description="Train as the article's code ran, faults included")
    epochs: int = Field(60, ge=1, le=1000, description="Passes over the users, at most")
    optimizer: Literal["adamw", "rmsprop"] = Field("adamw", description="RMSprop is the article's")
    learning_rate: float = Field(0.005, gt=0, description="Step size")
    weight_decay: float = Field(0.02, ge=0, description="Pull of the weights to 0")
    batch_size: int = Field(64, ge=1, description="Users per step")
    dropout: float = Field(0.3, ge=0, lt=1, description="Share of input ratings hidden in each step")
    patience: int = Field(6, ge=1, description="Epochs without a better validation error before stopping")
    validation_share: float = Field(0.1, gt=0, lt=0.5, description="Ratings held out to find the epoch")

    @classmethod
    def as_published(cls, **switches: Any) -> Self:
        """The article's settings: RMSprop at 0.01, weight decay 0.5, 200 epochs, no zeroed gradients."""
        article: dict[str, Any] = {
            "faithful": True,
            "optimizer": "rmsprop",
            "learning_rate": 0.01,
            "weight_decay": 0.5,
            "epochs": 200,
        }
        return cls(**(article | switches))


class Sae(OverShards, Model):
    """Stacked autoencoder; ranking scores are its predicted stars."""

    name: ClassVar[str] = "sae"
    Config: ClassVar[type[ModelConfig]] = SaeConfig

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Train on the snapshot's ratings; the sane way first finds its number of epochs on held-out ones."""
        if snapshot.implicit:
            raise BadInput(
                f"The model sae ranks by predicted ratings and {snapshot.dataset} has none, only who took what; "
                "choose another --model, such as hybrid."
            )
        self.history = []
        if self.config.faithful:
            self._begin(snapshot, device)
            self._fit_faithfully(snapshot, on_progress)
            return self
        rng = np.random.default_rng(self.config.seed)
        held_out = rng.random(snapshot.ratings.nnz) < self.config.validation_share
        epochs = self.config.epochs
        if 0 < held_out.sum() < len(held_out):
            users, movies = snapshot.rating_users[held_out], snapshot.ratings.indices[held_out]
            unseen = HeldOut(users, movies.astype(np.int64), snapshot.ratings.data[held_out])
            epochs = self._train(snapshot.where(~held_out), epochs, unseen, device, on_progress)
        history = self.history
        self._train(snapshot, epochs, None, device, on_progress)
        self.history = history
        if self.spread is not None:
            Together(self.spread).put_away()
        return self

    def _train(
        self, snapshot: Snapshot, epochs: int, unseen: HeldOut | None, device: str, on_progress: OnProgress
    ) -> int:
        """From the beginning; returns the best epoch."""
        self._begin(snapshot, device)
        if self.spread is not None:
            return Together(self.spread).train(self, snapshot, epochs, unseen)
        return self.train_on(snapshot, epochs, unseen, on_progress)

    def train_on(
        self, snapshot: Snapshot, epochs: int, unseen: HeldOut | None, on_progress: OnProgress = silent
    ) -> int:
        """Mini-batches over the users; with ratings held out, stops after the best epoch, whose number it returns.

        The ranks of a process group share every batch.
        """
        config, optimizer, group = self.config, self._optimizer(), Group.of_this_process()
        batches = MiniBatches(
            rows=lambda start, stop: self._rows(snapshot, start, stop),
            users=snapshot.users,
            movies=snapshot.movies,
            size=config.batch_size,
            dropout=config.dropout,
            seed=config.seed,
            random=torch.Generator().manual_seed(config.seed),
            group=group,
        )

        def once(epoch: int) -> dict[str, float]:
            train = batches.once(self._net, optimizer, epoch) * snapshot.star
            told = {"step": float(epoch), "train": train}
            return told if unseen is None else told | {"validation": self._error(snapshot, unseen, group)}

        what = "sae refit" if unseen is None else "sae epochs"
        best, self.history = passes(once, epochs, config.patience, what, on_progress)
        return best

    def _error(self, snapshot: Snapshot, unseen: HeldOut, group: Group) -> float:
        """The root mean square error of ratings that the rows do not hold, all ranks' together."""
        part = slice(*group.part(0, len(unseen.users)))
        error = self.predict(snapshot, unseen.users[part], unseen.movies[part]) - unseen.ratings[part]
        sums = group.summed(torch.tensor([np.square(error, dtype=np.float64).sum(), len(error)]))
        return math.sqrt(sums[0] / sums[1])

    def fold_in(self, snapshot: Snapshot, others: Snapshot) -> Self:
        """Exact: the network takes a user's row; user biases as in a fit."""
        folded = copy.copy(self)
        folded._biases = self._biases.fold_in(others)
        return folded

    def score(self, snapshot: Snapshot, users: slice) -> Tensor:
        """Predicted stars of a block of users for all movies, shape (B, M), unclipped."""
        start, stop, _ = users.indices(snapshot.users)
        self._net.eval()
        with torch.no_grad():
            out: Tensor = self._net(self._rows(snapshot, start, stop)).cpu()  # (B, M)
        if self.config.faithful:
            return out
        user, movie = torch.from_numpy(self._biases.user), torch.from_numpy(self._biases.movie)
        scores: Tensor = out * snapshot.star + self._biases.mean + user[start:stop, None] + movie[None, :]
        return scores

    def predict(
        self,
        snapshot: Snapshot,
        user_index: NDArray[np.integer[Any]],
        movie_index: NDArray[np.integer[Any]],
    ) -> NDArray[np.float32]:
        """Predicted stars of pairs: the rows of their users, a block at a time, then the pairs' entries."""
        stars = np.empty(len(user_index), dtype=np.float32)
        order = np.argsort(user_index, kind="stable")
        blocks = user_index[order] // self.config.batch_size
        cuts = np.flatnonzero(np.diff(blocks, prepend=-1, append=-1))
        for begin, end in itertools.pairwise(cuts):
            pairs = order[begin:end]
            first = int(blocks[begin]) * self.config.batch_size
            block = self.score(snapshot, slice(first, first + self.config.batch_size)).numpy()
            stars[pairs] = block[user_index[pairs] - first, movie_index[pairs]]
        return np.clip(stars, self._biases.low, self._biases.high)

    def state(self) -> dict[str, Tensor]:
        """Weights of the network, the inputs' scaling and the biases."""
        weights = {f"net.{name}": tensor.cpu() for name, tensor in self._net.state_dict().items()}
        biases = {f"biases.{name}": tensor for name, tensor in self._biases.state().items()}
        return weights | biases | {"side_scale": self._side_scale}

    def restore(self, state: dict[str, Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self._side_scale = state["side_scale"]
        self._biases = Biases().restore({n[7:]: t for n, t in state.items() if n.startswith("biases.")})
        weights = {n[4:]: t for n, t in state.items() if n.startswith("net.")}
        shapes = [t.shape for n, t in weights.items() if n.endswith("weight")]
        self._net = stack(shapes[0][1], SHAPES[self.config.layers], shapes[-1][0])
        self._net.load_state_dict(weights)
        return self

    def to(self, device: str) -> Self:
        """Compute scores on this device from now on."""
        self._net.to(device)
        return self

    def _begin(self, snapshot: Snapshot, device: str) -> None:
        # A generator of our own: candidates may train in threads beside each other.
        self._random = torch.Generator().manual_seed(self.config.seed)
        self._biases = Biases().fit(snapshot)
        side = self._side(snapshot, 0, snapshot.users)
        largest = side.abs().amax(dim=0) if len(side) else torch.ones(side.shape[1])
        self._side_scale = torch.ones(side.shape[1]) if self.config.faithful else largest.clamp_min(1e-6)
        width = snapshot.movies * (1 if self.config.faithful else 2) + side.shape[1]
        net = stack(width, SHAPES[self.config.layers], snapshot.movies)
        initialise(net, self._random, faithful=self.config.faithful)
        self._net = net.to(device)
        if not self.config.faithful:  # start from the biases: a residual of 0
            for parameter in self._net[-1].parameters():
                nn.init.zeros_(parameter)

    def _side(self, snapshot: Snapshot, start: int, stop: int) -> Tensor:
        """The columns beside the ratings, unscaled: (B, G + 4) for the article's full matrix."""
        parts = []
        if self.config.columns in ("genres", "both"):
            parts.append(snapshot.genre_counts[start:stop].toarray())
        if self.config.columns in ("attributes", "both"):
            parts.append(snapshot.article_attributes(slice(start, stop)).toarray())
            if not self.config.faithful:
                parts.append(snapshot.user_group(DECLARED)[start:stop].toarray())
        stacked = np.hstack(parts) if parts else np.empty((stop - start, 0))
        return torch.from_numpy(stacked.astype(np.float32))

    def _rows(self, snapshot: Snapshot, start: int, stop: int) -> Tensor:
        """The users' rows: [ratings | side] as published; [residuals | rated | scaled side] by default."""
        stop = min(stop, snapshot.users)
        side = self._side(snapshot, start, stop) / self._side_scale
        block = snapshot.ratings[start:stop]
        if self.config.faithful:
            row = [torch.from_numpy(block.toarray()), side]
        else:
            rated = implicit_feedback(block).toarray()
            row = [self._residuals(snapshot, block, start), torch.from_numpy(rated), side]
        return torch.cat(row, dim=1).to(next(self._net.parameters()).device)

    def _residuals(self, snapshot: Snapshot, block: Any, start: int) -> Tensor:
        """What the biases leave of the ratings in a block of users, in stars, 0 where unrated, shape (B, M)."""
        users = start + np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
        expected = self._biases.mean + self._biases.user[users] + self._biases.movie[block.indices]
        residuals = block.copy()
        residuals.data = ((block.data - expected) / snapshot.star).astype(np.float32)
        return torch.from_numpy(residuals.toarray())

    def _fit_faithfully(self, snapshot: Snapshot, on_progress: OnProgress) -> None:
        """One user per step in the order of ids, the gradient never zeroed, as the author's code ran."""
        optimizer = self._optimizer()
        rated_users = np.flatnonzero(np.diff(snapshot.ratings.indptr))
        for epoch in range(1, self.config.epochs + 1):
            errors = []
            for user in rated_users:  # the article's own loop: its order of steps is the model
                row = self._rows(snapshot, int(user), int(user) + 1)
                target = row[:, : snapshot.movies]
                rated = torch.zeros_like(target, dtype=torch.bool)
                rated[0, torch.from_numpy(snapshot.ratings[user : user + 1].indices.astype(np.int64))] = True
                out = self._net(row) * rated
                loss = nn.functional.mse_loss(out, target)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                errors.append(float(loss.detach() * snapshot.movies / rated.sum()) ** 0.5)
            self.history.append({"step": float(epoch), "train": float(np.mean(errors))})
            on_progress("sae epochs", epoch, self.config.epochs)

    def _optimizer(self) -> torch.optim.Optimizer:
        kind = torch.optim.RMSprop if self.config.optimizer == "rmsprop" else torch.optim.AdamW
        return kind(
            self._net.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay
        )
