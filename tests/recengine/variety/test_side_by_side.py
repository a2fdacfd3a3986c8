"""Variants side by side: every user's list is the one that the user's variant makes."""

from __future__ import annotations

import numpy as np
import pytest

from recengine.dataset import Snapshot
from recengine.knobs.published import ScoreConfig
from recengine.models import make
from recengine.models.base import Model
from recengine.models.excluded import Excluded
from recengine.variety.lists import Lister
from recengine.variety.side_by_side import SideBySide
from recengine.variety.variants import assigned, variants_of

CONFIG = ScoreConfig(
    variants="ease,ease+diversity=0.6,ease+popularity_debias=0.5+rank_by=0.3", calibration=0.1
)


@pytest.fixture(scope="module")
def fitted(small: Snapshot) -> Model:
    return make("ease").fit(small)


def test_each_list_is_that_of_the_users_variant(fitted: Model, small: Snapshot) -> None:
    variants, users = variants_of("ease", CONFIG), np.arange(small.users)
    listed = SideBySide.of(fitted, small, variants).lists(users, 12)
    own = assigned(small.user_ids, 3)
    alone = [Lister.of(fitted, small, variant.config).lists(users, 12) for variant in variants]
    for user in users:
        np.testing.assert_array_equal(listed.movies[user], alone[own[user]].movies[user])
        np.testing.assert_allclose(listed.scores[user], alone[own[user]].scores[user], rtol=1e-5)
        np.testing.assert_allclose(listed.varied[user], alone[own[user]].varied[user], atol=1e-5)
    assert [(alone[0].movies != other.movies).any() for other in alone] == [False, True, True]
    assert set(own) == {0, 1, 2}


def test_some_users_get_what_they_get_among_all(fitted: Model, small: Snapshot) -> None:
    both, few = SideBySide.of(fitted, small, variants_of("ease", CONFIG)), np.array([3, 4, 11])
    everybody = both.lists(np.arange(small.users), 8)
    np.testing.assert_array_equal(both.lists(few, 8).movies, everybody.movies[few])
    assert len(both.lists(few[:0], 8).movies) == 0


def test_what_is_excluded_is_so_in_all_variants(fitted: Model, small: Snapshot) -> None:
    both, users = SideBySide.of(fitted, small, variants_of("ease", CONFIG)), np.arange(small.users)
    gone = np.arange(small.movies) % 2 == 0
    excluded = Excluded(small.ratings, gone)
    listed = both.lists(users, 5, excluded)
    assert (listed.movies[listed.movies >= 0] % 2 == 1).all()
