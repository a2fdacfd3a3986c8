"""The best of each group: what is left of the whole order once the others are taken out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from recengine.models.kernels import blocks, tail
from recengine.models.kernels.blocks import Block, Catalogue
from recengine.models.kernels.groups import Groups, best_of_groups
from recengine.models.kernels.offer import Offer
from recengine.models.kernels.topn import top_n_of_groups

USERS, MOVIES, HEAD, N = 23, 600, 90, 4


def given(boosted: bool, head: int = HEAD) -> tuple[Block, csr_array, csr_array]:
    """Scores, what is rated, and groups: a large and a small one, one of the head, one beyond, none, all."""
    rng = np.random.default_rng(3)
    rated = csr_array((rng.random((USERS, MOVIES)) < 0.2).astype(np.float32))

    def drawn(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    catalogue = Catalogue(drawn(3, MOVIES), drawn(head, head), drawn(MOVIES) if boosted else None)
    groups = rng.random((6, MOVIES)) < np.array([0.5, 0.01, 0.2, 0.2, 0.0, 1.0])[:, None]
    groups[2, HEAD:] = groups[3, :HEAD] = False
    return Block(catalogue, drawn(USERS, 3), rated), rated, csr_array(groups)


def the_best(scores: np.ndarray, groups: csr_array, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By sorting each group's scores (B, M); hidden ones are -inf."""
    values = np.full((len(scores), groups.shape[0], N), -np.inf)
    movies = np.full(values.shape, -1)
    for user, row in enumerate(scores):
        for group in range(groups.shape[0]):
            members = groups[[group]].indices
            members = members[np.isfinite(row[members])]
            order = members[np.lexsort((ids[members], -row[members]))][:N]
            values[user, group, : len(order)], movies[user, group, : len(order)] = row[order], ids[order]
    return values, movies


@pytest.mark.parametrize("boosted", [True, False])
@pytest.mark.parametrize("head", [HEAD, 0, MOVIES])
def test_each_group_has_its_best(boosted: bool, head: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "DENSE", 8)
    block, rated, groups = given(boosted, head)
    ids = np.random.default_rng(2).permutation(MOVIES)
    nobody = np.random.default_rng(4).random(MOVIES) < 0.1
    scores = block.scores().astype(float)
    scores[rated.toarray() != 0] = -np.inf
    scores[:, nobody] = -np.inf
    found = best_of_groups(block, Offer(rated, nobody), ids, N, Groups.of(block.catalogue, groups))
    values, movies = the_best(scores, groups, ids)
    np.testing.assert_array_equal(found.ids, movies)
    np.testing.assert_allclose(found.values, values, atol=1e-5)
    assert (found.ids[:, 4] == -1).all(), "nothing is in the empty group"
    assert (found.ids[:, 5] >= 0).all(), "of all movies there are enough"


def test_what_is_a_users_own_counts_in_every_group_of_a_movie() -> None:
    block, rated, groups = given(boosted=True)
    rng = np.random.default_rng(5)
    own = csr_array(
        (rng.normal(0, 3, (USERS, MOVIES)) * (rng.random((USERS, MOVIES)) < 0.05)).astype(np.float32)
    )
    scores = block.scores().astype(float) + own.toarray()
    scores[rated.toarray() != 0] = -np.inf
    offer = Offer(rated, np.zeros(MOVIES, dtype=np.bool_), own)
    found = best_of_groups(block, offer, np.arange(MOVIES), N, Groups.of(block.catalogue, groups))
    values, movies = the_best(scores, groups, np.arange(MOVIES))
    np.testing.assert_array_equal(found.ids, movies)
    np.testing.assert_allclose(found.values, values, atol=1e-5)


def test_one_group_of_everything_is_the_plain_list() -> None:
    block, rated, groups = given(boosted=True)
    plain = block.best(Offer.without(rated), np.arange(MOVIES), N)
    found = best_of_groups(
        block, Offer.without(rated), np.arange(MOVIES), N, Groups.of(block.catalogue, groups)
    )
    np.testing.assert_array_equal(found.ids[:, 5], plain.ids)
    np.testing.assert_allclose(found.values[:, 5], plain.values, rtol=1e-6)


def test_few_tiles_of_a_groups_tail_are_scored() -> None:
    """A tile's bound holds in a group, too: rare movies with small factors cannot change the lists."""
    rng = np.random.default_rng(6)
    sizes = (1 + np.arange(3_000)) ** -1.0
    catalogue = Catalogue(
        (rng.normal(size=(4, 3_000)) * sizes).astype(np.float32), np.zeros((9, 9), np.float32), None
    )
    groups = Groups.of(catalogue, csr_array(rng.random((2, 3_000)) < 0.5))
    assert len(groups.tiles.columns) == groups.first[-1] == sum(-(-n // tail.TILE) for n in _beyond(groups))
    assert set(groups.tiles.columns[: groups.first[1]].ravel()) - {-1} == set(_members(groups, 0))


def _members(groups: Groups, group: int) -> list[int]:
    return [
        column
        for column in range(9, 3_000)
        if group
        in groups.of_column.columns[groups.of_column.indptr[column] : groups.of_column.indptr[column + 1]]
    ]


def _beyond(groups: Groups) -> list[int]:
    return [len(_members(groups, group)) for group in range(2)]


def test_a_score_that_is_not_finite_is_told() -> None:
    block, rated, groups = given(boosted=False)
    block.left[5, 0] = np.nan
    found = best_of_groups(
        block, Offer.without(rated), np.arange(MOVIES), N, Groups.of(block.catalogue, groups)
    )
    assert np.isnan(found.values[5, 0, 0])
    assert not np.isnan(np.delete(found.values, 5, axis=0)).any()


def test_of_dense_scores() -> None:
    block, rated, groups = given(boosted=True)
    scores = block.scores()
    scores[rated.toarray() != 0] = -np.inf
    values, movies = the_best(scores.astype(float), groups, np.arange(MOVIES))
    found = top_n_of_groups(scores, groups, N)
    np.testing.assert_array_equal(found.ids, movies)
    np.testing.assert_array_equal(found.values, values.astype(np.float32))
