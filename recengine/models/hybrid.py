"""``hybrid``, the default: autoencoders for the ranking, one for the stars, and a recency boost.

Read on in this order: ``parts.ranking`` (which movies: EASE + iALS + an attribute prior), ``parts.recency_boost``
(what is popular now), ``parts.bayesian_mf`` (how many stars). The loops below them are in ``kernels``.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import AliasChoices, ConfigDict, Field
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.errors import NotFinite
from recengine.models.base import Model, ModelConfig, OnProgress, WarmStart, silent
from recengine.models.excluded import Boosts, Excluded
from recengine.models.explained import with_rules
from recengine.models.kernels.topn import Lists
from recengine.models.parts.bayesian_mf import BayesianMF, BayesianMFConfig
from recengine.models.parts.closed_form import TOO_LITTLE_MEMORY
from recengine.models.parts.ranking import Ranking, RankingConfig
from recengine.models.parts.ranking_reasons import reasons_of
from recengine.models.parts.recency_boost import RecencyBoost, RecencyBoostConfig
from recengine.models.propensity import factors_of
from recengine.models.reasons import TREND, Reasons
from recengine.models.shared import Kept, part_of
from recengine.models.spread import OverShards
from recengine.runtime.resources import MEMORY_LIMIT
from recengine.runtime.threads import own_threads

log = logging.getLogger(__name__)

LIGHT_SWEEPS = 40  # enough for the gate, which only reports the stars' error; the refit takes more


class HybridConfig(ModelConfig):
    """The default model's recipe, part by part."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    recency: Literal["auto", "off"] = Field(
        "auto", description="auto: learn how much to boost what is popular now; off: all-time taste"
    )
    ranking: RankingConfig = Field(RankingConfig(), description="Which movies, in which order")
    stars: BayesianMFConfig = Field(BayesianMFConfig(), description="Predicted stars")
    boost: RecencyBoostConfig = Field(
        RecencyBoostConfig(),
        description="What recency=auto tries",
        validation_alias=AliasChoices("boost", "lift"),  # stored recipes may have its former name
    )


class Hybrid(OverShards, Model):
    """Ranking scores from two added autoencoders, boosted by recency; stars from a third."""

    name: ClassVar[str] = "hybrid"
    searched: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "ranking.ridge_scale": (24.0, 48.0, 96.0, 192.0),
        "ranking.low_rank_weight": (0.0, 0.5, 1.0, 1.5),
        "ranking.session_share": (0.0, 0.4, 0.7, 0.9),
        "ranking.genre_weight": (1.5, 3.0, 5.0),
        "ranking.low_rank.unrated_weight": (0.1, 0.2, 0.4),
        "ranking.low_rank.factors": (32, 64),
    }
    supports_warm_start: ClassVar[bool] = True
    Config: ClassVar[type[ModelConfig]] = HybridConfig

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__(config)
        self.ranking = Ranking(self.config.ranking, self.config.seed)
        self.stars = BayesianMF(self.config.stars.model_copy(update={"seed": self.config.seed}))
        self.recency = RecencyBoost()
        self._earlier: RecencyBoost | None = None  # whose findings the next fit may keep
        self._only_lists = False  # no stars

    def warm_start_from(self, start: WarmStart) -> Self:
        """Begin with the factors of both parts, and with what was learned about recency."""
        assert isinstance(start.model, Hybrid)
        self.ranking.warm_start_from(start.model.ranking, start.users, start.users_then)
        self.stars.warm_start_from(start.model.stars, start.users, start.movies)
        self._earlier = start.model.recency
        return self

    def lighter(self) -> Self:
        """The same ranking, with stars from a few sweeps."""
        stars = self.config.stars
        few = stars.model_copy(update={"sweeps": min(stars.sweeps, LIGHT_SWEEPS)})
        return type(self)(self.config.model_copy(update={"stars": few}))

    def trial(self, default: Self | None = None) -> Self:
        """The same ranking without stars, and with what another recipe learned of recency on the same ratings."""
        tried = type(self)(self.config)
        tried._earlier, tried._only_lists = None if default is None else default.recency, True
        return tried

    def sharing(self, kept: Kept) -> Self:
        """Grams and low-rank factors are made once for all recipes that agree on their knobs."""
        self.ranking.shared = kept
        return self

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Fit ranking and, where there are ratings, stars on everything; recency=auto also learns the boost.

        For that the past is replayed. The three do not need each other, and each has stretches that only one core is
        busy with: side by side.
        """
        share, has_stars = own_threads(parts=2), not snapshot.implicit and not self._only_lists
        alone = not has_stars and (self._earlier is not None or self.config.recency == "off")
        with own_threads(parts=1 if alone else 2), ThreadPoolExecutor(max_workers=2) as beside:
            stars = None
            if has_stars:
                stars = beside.submit(share(self.stars.fit), snapshot, device=device, on_progress=on_progress)
            replay = beside.submit(share(self._learn_recency), snapshot, device, on_progress)
            self.ranking.spread = self.spread
            self.ranking.fit(snapshot, device=device, on_progress=on_progress)
            replay.result()
            self.history = stars.result().history if stars else []
        if (head := len(self.ranking.weights)) < self.ranking.wanted:
            log.warning(TOO_LITTLE_MEMORY, self.name, f"{head:,}", f"{self.ranking.wanted:,}", MEMORY_LIMIT)
        return self

    def _learn_recency(self, snapshot: Snapshot, device: str, on_progress: OnProgress) -> None:
        config = self.config
        recipe = config.ranking.bounded(config.boost.most_work, config.boost.most_movies)

        def past(part: Snapshot) -> Callable[[NDArray[np.int64]], NDArray[np.float32]]:
            ranking = Ranking(recipe, config.seed).fit(part, device=device)
            return lambda users: ranking.score(part, users)

        if config.recency == "off":
            return
        if self._earlier is not None:
            self.recency.carry_over(self._earlier, snapshot, config.boost)
        else:
            self.recency.learn(snapshot, past, config.boost, config.seed, on_progress)

    def fold_in(self, snapshot: Snapshot, others: Snapshot) -> Self:
        """Lists exactly as if the others' rows had only been read; their stars by the known users' spread."""
        folded = copy.copy(self)
        folded.ranking = self.ranking.fold_in(others)
        folded.stars = self.stars if snapshot.implicit else self.stars.fold_in(snapshot, others)
        return folded

    def debiased(self, snapshot: Snapshot, weight: float) -> Self:
        """Both autoencoders and the prior debiased, before the scores are standardised and boosted."""
        if not weight:
            return self
        other = copy.copy(self)
        other.ranking = self.ranking.times(factors_of(snapshot, weight))
        return other

    def movie_factors(self, snapshot: Snapshot) -> NDArray[np.float32] | None:
        """Those of the low-rank part."""
        return self.ranking.movie_factors()

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        """Boosted ranking scores of a block of users, (B, M)."""
        chosen = np.arange(snapshot.users)[users]
        return torch.from_numpy(self.ranking.score(snapshot, chosen, self.recency.weighted))

    def best(
        self,
        snapshot: Snapshot,
        users: NDArray[np.int64],
        n: int,
        excluded: Excluded | None = None,
        boosts: Boosts | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The n best by ``score``, found without writing all scores to memory."""
        excluded = excluded or Excluded.rated_in(snapshot)
        return self._finite(self.ranking.best(snapshot, users, n, excluded, self._boost(boosts), boosts))

    def best_of_groups(
        self,
        snapshot: Snapshot,
        users: NDArray[np.int64],
        n: int,
        groups: csr_array,
        excluded: Excluded | None = None,
        boosts: Boosts | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The same within groups, from scores that are made once for all groups."""
        excluded, boost = excluded or Excluded.rated_in(snapshot), self._boost(boosts)
        return self._finite(self.ranking.best_of_groups(snapshot, users, n, groups, excluded, boost, boosts))

    def _boost(self, boosts: Boosts | None) -> NDArray[np.float32] | None:
        """What is added to everybody's scores, (M,)."""
        boost = self.recency.weighted
        if boosts is None:
            return boost
        return boosts.everyone if boost is None else (boost + boosts.everyone).astype(np.float32)

    def _finite(self, lists: Lists) -> tuple[torch.Tensor, torch.Tensor]:
        if np.isnan(lists.values).any():
            raise NotFinite(self.name, "scores")
        return torch.from_numpy(lists.values), torch.from_numpy(lists.ids)

    @own_threads()
    def reasons(
        self,
        snapshot: Snapshot,
        users: NDArray[np.int64],
        movies: NDArray[np.int64],
        k: int,
        boosts: Boosts | None = None,
    ) -> Reasons:
        """Exact, for about two fifths of what the lists cost: a user's scale is kept from when these were made."""
        trend, scales = self.recency.weighted, None
        if trend is not None or boosts is not None:
            known = self.ranking.known.scales_in(self.ranking, snapshot)
            unmet = np.unique(users[np.isnan(known[users])])
            if len(unmet):
                self.best(snapshot, unmet, 1, boosts=boosts)
            scales = self.ranking.known.scales_in(self.ranking, snapshot)[users]
        found = reasons_of(self.ranking, snapshot, (users, movies), k, scales)
        if trend is not None:
            found = found.plus(TREND, np.where(movies >= 0, trend[movies], 0))
        return found if boosts is None else with_rules(found, users, movies, boosts)

    def predict(
        self,
        snapshot: Snapshot,
        user_index: NDArray[np.integer[Any]],
        movie_index: NDArray[np.integer[Any]],
    ) -> NDArray[np.float32]:
        """Stars, from the stars part alone."""
        return self.stars.predict(snapshot, user_index, movie_index)

    def state(self) -> dict[str, torch.Tensor]:
        """All parts' tensors, named ``part.name``."""
        parts = {
            "ranking": self.ranking.state(),
            "stars": self.stars.state(),
            "recency": self.recency.state(),
        }
        return {f"{part}.{name}": tensor for part, state in parts.items() for name, tensor in state.items()}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self.ranking.restore(part_of(state, "ranking"))
        self.stars.restore(part_of(state, "stars"))
        self.recency.restore(part_of(state, "recency"))
        return self
