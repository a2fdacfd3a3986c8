import numpy as np
import pytest
from scipy.sparse import csr_array

from recengine.models.kernels import blocks, tail
from recengine.models.kernels.blocks import Block, Catalogue
from recengine.models.kernels.offer import Offer

USERS, MOVIES, HEAD = 23, 70, 40


def block(seed: int = 0, boosted: bool = True, coarse: bool = False) -> tuple[Block, csr_array]:
    rng = np.random.default_rng(seed)
    rated = csr_array((rng.random((USERS, MOVIES)) * (rng.random((USERS, MOVIES)) < 0.2)).astype(np.float32))

    def drawn(*shape: int) -> np.ndarray:
        values = rng.integers(0, 2, shape) if coarse else rng.standard_normal(shape)
        return values.astype(np.float32)

    boost = drawn(MOVIES) if boosted else None
    left, catalogue = drawn(USERS, 3), Catalogue(drawn(3, MOVIES), drawn(HEAD, HEAD), boost)
    return Block(catalogue, left, rated), rated


def expected(given: Block) -> np.ndarray:
    shared = given.catalogue
    scores = given.left.astype(float) @ shared.right
    scores[:, :HEAD] += (given.rows.toarray()[:, :HEAD] > 0).astype(float) @ shared.weights
    if shared.boost is None:
        return scores
    return (scores - scores.mean(1, keepdims=True)) / scores.std(1, keepdims=True) + shared.boost


@pytest.mark.parametrize("boosted", [True, False])
def test_scores_are_the_sum_of_both_products_boosted(boosted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "DENSE", 8)
    given, _ = block(boosted=boosted)
    np.testing.assert_allclose(given.scores(), expected(given), atol=2e-5)


@pytest.mark.parametrize("coarse", [True, False])
@pytest.mark.parametrize("n", [1, 5, 60])
def test_best_are_the_best_unseen_scores_ties_by_id(n: int, coarse: bool) -> None:
    given, rated = block(1, boosted=not coarse, coarse=coarse)
    if coarse:  # many equal scores, computed without rounding
        given = Block(given.catalogue, given.left, csr_array((USERS, MOVIES), dtype=np.float32))
    ids = np.random.default_rng(2).permutation(MOVIES)
    values, movies = given.best(Offer.without(rated), ids, n)
    scores = given.scores()
    for user in range(USERS):
        unseen = np.setdiff1d(np.arange(MOVIES), rated[[user]].indices)
        order = unseen[np.lexsort((ids[unseen], -scores[user, unseen]))][:n]
        listed = movies[user] >= 0
        np.testing.assert_array_equal(movies[user][listed], ids[order])
        np.testing.assert_allclose(values[user][listed], scores[user, order], atol=1e-5)
        assert np.isneginf(values[user][~listed]).all()


def test_a_users_scores_do_not_depend_on_the_block() -> None:
    given, rated = block(3)
    one = Block(given.catalogue, given.left[[7]], given.rows[[7]])
    np.testing.assert_array_equal(one.scores()[0], given.scores()[7])
    for alone, among in zip(
        one.best(Offer.without(rated[[7]]), np.arange(MOVIES), 5),
        given.best(Offer.without(rated), np.arange(MOVIES), 5),
        strict=True,
    ):
        np.testing.assert_array_equal(alone[0], among[7])


def test_a_score_that_is_not_finite_is_told() -> None:
    given, rated = block(4)
    given.left[5, 0] = np.nan
    values, _ = given.best(Offer.without(rated), np.arange(MOVIES), 3)
    assert np.isnan(values[5, 0])
    assert np.isfinite(np.delete(values, 5, axis=0)).all()


@pytest.mark.parametrize("boosted", [True, False])
@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_best_beyond_the_head_are_found_though_few_of_them_are_scored(
    boosted: bool, decay: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, users, movies = np.random.default_rng(5), 50, 3_000
    sizes = (1 + np.arange(movies)) ** -decay  # the rarer a movie, the smaller its factors
    boost = rng.normal(size=movies).astype(np.float32) if boosted else None
    catalogue = Catalogue(
        (rng.normal(size=(4, movies)) * sizes).astype(np.float32), np.zeros((100, 100), np.float32), boost
    )
    rated = csr_array(rng.random((users, movies)) < 0.3)
    given = Block(catalogue, rng.normal(size=(users, 4)).astype(np.float32), rated)
    values, columns = given.best(Offer.without(rated), np.arange(movies), 20)
    unseen = np.where(rated.toarray(), -np.inf, given.scores())
    order = np.argsort(-unseen, axis=1, kind="stable")[:, :20]
    assert (order >= 100).any()
    np.testing.assert_array_equal(columns, order)
    np.testing.assert_allclose(values, np.take_along_axis(unseen, order, axis=1), atol=1e-5)
    if decay:
        tiles = catalogue.tail.tiles
        as_they_are = tail.Standard(np.float32(0), np.float32(1))
        reached = [
            tail.reach(given.left[0], tiles.low[at], tiles.high[at], tiles.boost[at], as_they_are)
            for at in range(len(tiles.low))
        ]
        assert boosted or np.mean(np.array(reached) < values[0, -1]) > 0.5


@pytest.mark.parametrize("n", [1, 5, 60])
def test_rules_hide_movies_from_everyone_and_add_to_single_scores(n: int) -> None:
    given, rated = block(4)
    rng = np.random.default_rng(5)
    everyone = rng.random(MOVIES) < 0.3
    added = csr_array(
        (rng.normal(0, 3, (USERS, MOVIES)) * (rng.random((USERS, MOVIES)) < 0.2)).astype(np.float32)
    )
    values, movies = given.best(Offer(rated, everyone, added), np.arange(MOVIES), n)
    scores = given.scores() + added.toarray()
    scores[rated.toarray() > 0] = -np.inf
    scores[:, everyone] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :n]
    wanted = np.take_along_axis(scores, order, axis=1)
    np.testing.assert_array_equal(movies, np.where(np.isfinite(wanted), order, -1))
    np.testing.assert_allclose(values, wanted, atol=2e-5)
