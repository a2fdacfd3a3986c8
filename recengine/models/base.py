"""The interface of every model: fit on a snapshot, score a block of users, save, load.

A model file writes only its mathematics. Masking seen movies, the exact top N, blocks, files and ids are
done once for all models, here, in ``recengine.score`` and in ``recengine.models.store``.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.models.dense import scores_of
from recengine.models.excluded import Boosts, Excluded, boosted
from recengine.models.explained import Explained
from recengine.models.kernels.topn import empty_lists, top_n, top_n_of_groups
from recengine.models.propensity import debiased, factors_of
from recengine.models.shared import Kept
from recengine.runtime.resources import memory_bytes
from recengine.runtime.threads import own_threads

BLOCK_CELLS = 2**25  # most users x movies scored at once: 128 MB of float32
BLOCK_SHARE = 128  # ... and no more than this part of the bytes of memory: a model takes some ten blocks

# A model's methods that compute, on our own threads.
COMPUTING = ("fit", "fold_in", "score", "best", "best_of_groups", "predict")

OnProgress = Callable[[str, int, int], None]
"""Called as ``on_progress(what, done, total)`` while a model trains."""


def silent(what: str, done: int, total: int) -> None:
    """The progress callback of somebody who does not look."""


class ModelConfig(BaseModel):
    """What every model's recipe has; a model adds its own knobs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0, description="Seed of everything random; the same seed gives the same tables")


@dataclass(frozen=True)
class WarmStart:
    """Where a fit may begin: at an earlier one of the same recipe, on data that has hardly grown since.

    Attributes
    ----------
    model : Model
        The earlier one, fitted.
    users, movies : ndarray of int64, shapes (U,) and (M,)
        Where each user and movie of the new snapshot stood in the earlier one's; -1: nowhere.
    users_then : int
        How many users the earlier one had.
    """

    model: Model
    users: NDArray[np.int64]
    movies: NDArray[np.int64]
    users_then: int


def users_at_once(movies: int) -> int:
    """How many users' scores for all movies lie in memory together, at least 1."""
    return max(1, min(BLOCK_CELLS, memory_bytes() // BLOCK_SHARE) // max(movies, 1))


class Model(Explained, ABC):
    """A recommender over the users and movies of one snapshot.

    Attributes
    ----------
    name : str
        Begins the ids of its fits; what users write after ``--model`` where it is built in. The class's name in
        small letters where a class says none.
    Config : type[ModelConfig]
        The model's recipe, a pydantic model; ``config`` holds this model's values.
    history : list of dict
        One entry per epoch or sweep ("step", "train", "validation" ...), for the loss curve.
    searched : mapping of str to tuple
        The knobs that a tuning searches, dotted, with the values it tries, cheapest to try first. Of a model without
        any the recipe stays as it is asked for.
    """

    name: ClassVar[str]
    searched: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    supports_warm_start: ClassVar[bool] = False  # whether a fit may begin at an earlier one
    from_zero: ClassVar[bool] = False  # whether a score of 0 says that nothing speaks for a movie
    Config: ClassVar[type[ModelConfig]] = ModelConfig

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in vars(cls):
            cls.name = cls.__name__.lower()
        for name in COMPUTING:
            if method := vars(cls).get(name):
                setattr(cls, name, own_threads()(method))

    def __init__(self, config: ModelConfig | None = None) -> None:
        self.config: Any = config if config is not None else self.Config()
        self.history: list[dict[str, float]] = []
        self._debias: NDArray[np.float32] | None = None  # of a debias of popularity, (M,)

    @abstractmethod
    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Learn from every rating of the snapshot (a model that needs validation data holds out its own)."""

    def warm_start_from(self, start: WarmStart) -> Self:
        """Let the next fit begin where an earlier one ended; only of models that support a warm start."""
        raise NotImplementedError(f"{self.name} begins every fit anew")

    def to(self, device: str) -> Self:
        """Compute scores on a torch device from now on; a model whose kernels are compiled stays on the CPU."""
        return self

    def fold_in(self, snapshot: Snapshot, others: Snapshot) -> Self:
        """The fitted model for other users of the same movies, who were not there when it was fitted.

        Parameters
        ----------
        snapshot : Snapshot
            The one the model was fitted on.
        others : Snapshot
            From ``snapshot.with_users``.

        Returns
        -------
        Model
            One that scores ``others`` and no longer ``snapshot``; what it learned of movies is the same.

        Raises
        ------
        BadInput
            The model knows only the users it was fitted on.
        """
        raise BadInput(
            f"The model {self.name} knows only the users it was fitted on; fit it again with the new ratings among "
            "the others."
        )

    def lighter(self) -> Self:
        """An unfitted model with the same ranking for less work: what the gate judges.

        A model with parts that do not rank may cut those short.
        """
        return self

    def trial(self, default: Self | None = None) -> Self:
        """An unfitted model with the same lists for the least work: what a tuning fits and judges.

        Parameters
        ----------
        default : Model, optional
            The recipe that the search began with, fitted on the newest split: what it learned may be taken over.
            None for that fit itself.
        """
        return self

    def sharing(self, kept: Kept) -> Self:
        """Let the next fit take what the fits of other recipes on the same ratings made, and leave what it makes."""
        return self

    def debiased(self, snapshot: Snapshot, weight: float) -> Self:
        """The fitted model with lists that owe less to popularity, see ``propensity``; itself where weight is 0."""
        if not weight:
            return self
        other = copy.copy(self)
        other._debias = factors_of(snapshot, weight)
        return other

    def ranked(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        """What lists are made by, (B, M): ``score``, debiased where that is asked."""
        scores = self.score(snapshot, users)
        if self._debias is None:
            return scores
        return torch.from_numpy(debiased(scores.float().numpy(), self._debias, from_zero=self.from_zero))

    def movie_factors(self, snapshot: Snapshot) -> NDArray[np.float32] | None:
        """What movies are alike by, float32 of shape (M, K), of zeros for a movie it knows nothing of.

        None of a model without such factors: movies are then alike by their genres alone.
        """
        return None

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

    @own_threads()
    def best(
        self,
        snapshot: Snapshot,
        users: NDArray[np.int64],
        n: int,
        excluded: Excluded | None = None,
        boosts: Boosts | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The exact n best movies that users may get; equal scores in the order of the movies.

        Parameters
        ----------
        snapshot : Snapshot
            The one the model was fitted on.
        users : ndarray of int, shape (B,)
            User indices, ascending.
        n : int
        excluded : Excluded, optional
            What users do not get: ``excluded(users)``, (B, M). What they rated, if left out.
        boosts : Boosts, optional
            What is added to scores; these are standardised user by user before.

        Returns
        -------
        (Tensor of float32, Tensor of int64), both of shape (B, n)
            Falling scores and their movies; -inf and -1 where nothing is left.

        Raises
        ------
        NotFinite
            The model gave a score that is not finite.
        """
        lists = empty_lists(len(users), n)
        for part, scores in self._shown(snapshot, users, excluded, boosts):
            lists.values[part], lists.ids[part] = top_n(scores, n)
        return torch.from_numpy(lists.values), torch.from_numpy(lists.ids)

    @own_threads()
    def best_of_groups(
        self,
        snapshot: Snapshot,
        users: NDArray[np.int64],
        n: int,
        groups: csr_array,
        excluded: Excluded | None = None,
        boosts: Boosts | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The same within each of G groups of movies, groups (G, M) with an entry per member: both (B, G, n)."""
        lists = empty_lists(len(users), groups.shape[0], n)
        for part, scores in self._shown(snapshot, users, excluded, boosts):
            lists.values[part], lists.ids[part] = top_n_of_groups(scores, groups, n)
        return torch.from_numpy(lists.values), torch.from_numpy(lists.ids)

    def _shown(
        self,
        snapshot: Snapshot,
        users: NDArray[np.int64],
        excluded: Excluded | None,
        boosts: Boosts | None,
    ) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        excluded, size = excluded or Excluded.rated_in(snapshot), users_at_once(snapshot.movies)
        for part, scores in scores_of(self.name, partial(self.ranked, snapshot), users, size):
            shown = scores if boosts is None else boosted(scores, boosts, users[part])
            yield part, excluded.hidden_in(shown, users[part])

    def predict(
        self,
        snapshot: Snapshot,
        user_index: NDArray[np.integer[Any]],
        movie_index: NDArray[np.integer[Any]],
    ) -> NDArray[np.float32] | None:
        """Predicted ratings of P (user, movie) pairs, clipped to the data's scale, float32 of shape (P,).

        None of a model that only ranks: readers then see NULL. Never asked for where the data has no ratings
        (``snapshot.implicit``).
        """
        return None

    @abstractmethod
    def state(self) -> dict[str, torch.Tensor]:
        """The learned tensors by name; with the config, all that is needed to score again."""

    @abstractmethod
    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
