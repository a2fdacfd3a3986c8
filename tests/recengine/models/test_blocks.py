import numpy as np
import pytest
from scipy.sparse import csr_array

from recengine.models import blocks
from recengine.models.blocks import Block

USERS, MOVIES, HEAD = 23, 70, 40


def block(seed: int = 0, lifted: bool = True, coarse: bool = False) -> tuple[Block, csr_array]:
    rng = np.random.default_rng(seed)
    rated = csr_array((rng.random((USERS, MOVIES)) * (rng.random((USERS, MOVIES)) < 0.2)).astype(np.float32))

    def drawn(*shape: int) -> np.ndarray:
        values = rng.integers(0, 2, shape) if coarse else rng.standard_normal(shape)
        return values.astype(np.float32)

    lift = drawn(MOVIES) if lifted else None
    return Block(drawn(USERS, 3), drawn(3, MOVIES), rated, drawn(HEAD, HEAD), lift), rated


def expected(given: Block) -> np.ndarray:
    scores = given.left.astype(float) @ given.right
    scores[:, :HEAD] += given.rows.toarray()[:, :HEAD].astype(float) @ given.weights
    if given.lift is None:
        return scores
    return (scores - scores.mean(1, keepdims=True)) / scores.std(1, keepdims=True) + given.lift


@pytest.mark.parametrize("lifted", [True, False])
def test_scores_are_the_sum_of_both_products_lifted(lifted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "DENSE", 8)
    given, _ = block(lifted=lifted)
    np.testing.assert_allclose(given.scores(), expected(given), atol=2e-5)


@pytest.mark.parametrize("coarse", [True, False])
@pytest.mark.parametrize("n", [1, 5, 60])
def test_best_are_the_best_unseen_scores_ties_by_rank(n: int, coarse: bool) -> None:
    given, rated = block(1, lifted=not coarse, coarse=coarse)
    if coarse:  # many equal scores, computed without rounding
        given = Block(
            given.left, given.right, csr_array((USERS, MOVIES), dtype=np.float32), given.weights, None
        )
    ranks = np.random.default_rng(2).permutation(MOVIES)
    values, columns = given.best(rated, ranks, n)
    scores = given.scores()
    for user in range(USERS):
        unseen = np.setdiff1d(np.arange(MOVIES), rated[[user]].indices)
        order = unseen[np.lexsort((ranks[unseen], -scores[user, unseen]))][:n]
        found = columns[user] >= 0
        np.testing.assert_array_equal(columns[user][found], order)
        np.testing.assert_array_equal(values[user][found], scores[user, order])
        assert np.isneginf(values[user][~found]).all()


def test_a_users_scores_do_not_depend_on_the_block() -> None:
    given, _ = block(3)
    one = Block(given.left[[7]], given.right, given.rows[[7]], given.weights, given.lift)
    np.testing.assert_array_equal(one.scores()[0], given.scores()[7])


def test_a_score_that_is_not_finite_is_told() -> None:
    given, rated = block(4)
    given.left[5, 0] = np.nan
    values, _ = given.best(rated, np.arange(MOVIES), 3)
    assert np.isnan(values[5, 0])
    assert np.isfinite(np.delete(values, 5, axis=0)).all()
