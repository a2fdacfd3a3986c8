"""The guard: sane tables pass, a collapse or a broken score does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from recengine.knobs.stages import GuardConfig
from recengine.selection.guard import GuardReport, guard

USERS, MOVIES, TOP = 200, 500, 10


def _table(lists: np.ndarray, scores: np.ndarray | None = None) -> dict[str, np.ndarray]:
    users, n = lists.shape
    return {
        "user_id": np.repeat(np.arange(users) * 7 + 1, n),
        "rank": np.tile(np.arange(1, n + 1), users).astype(np.int32),
        "movie_id": lists.ravel() + 1,
        "score": (np.tile(np.linspace(2, 1, n), users) if scores is None else scores),
    }


def _personal(seed: int, users: int = USERS, movies: int = MOVIES) -> np.ndarray:
    return np.argsort(np.random.default_rng(seed).random((users, movies)), axis=1)[:, :TOP]


def _guard(new: Any, old: Any = None, **more: Any) -> GuardReport:
    return guard(new, old, **({"movies": MOVIES, "model": "hybrid", "old_model": "hybrid"} | more))


def test_the_same_tables_again_pass_in_any_order_and_from_arrow() -> None:
    table = _table(_personal(0))
    order = np.random.default_rng(0).permutation(USERS * TOP)
    shuffled = pa.table({name: column[order] for name, column in table.items()})
    report = _guard(shuffled, table)
    assert report.ok
    assert report.figures["users"] == USERS
    assert report.figures["distinct_lists"] == 1
    assert report.figures["coverage_ratio"] == report.figures["kept"] == report.figures["score_spread"] == 1
    assert report.figures["changed_lists"] == report.figures["score_shift"] == 0


def test_changes_are_measured_over_the_users_of_both() -> None:
    lists = _personal(0)
    changed = lists.copy()
    changed[:50, [0, 1]] = changed[:50, [1, 0]]  # another order, the same movies
    changed[50:100, 9] = lists[50:100].max(axis=1) + MOVIES  # one movie of ten replaced
    figures = _guard(_table(changed), _table(lists[:100, :])).figures
    assert figures["changed_lists"] == 1
    assert figures["kept"] == pytest.approx(0.95)
    shorter = _guard(_table(lists[:, :5]), _table(lists)).figures
    assert (shorter["changed_lists"], shorter["kept"]) == (0, 1)


def test_everyone_getting_the_same_ten_stops_the_publication() -> None:
    same = _table(np.tile(np.arange(TOP), (USERS, 1)))
    report = _guard(same, _table(_personal(0)))
    assert not report.ok
    assert "100% of the users get one same list, more than 50%." in report.failures
    assert any("nearly everyone gets the same" in failure for failure in report.failures)
    assert any("cover 2% as many movies" in failure for failure in report.failures)


def test_a_collapse_hidden_by_order_is_seen_too() -> None:
    shuffled = np.argsort(np.random.default_rng(0).random((USERS, TOP)), axis=1)
    report = _guard(_table(shuffled))
    assert report.figures["distinct_lists"] > 0.9
    assert [failure for failure in report.failures if "A single list's worth" in failure] == report.failures
    assert len(report.failures) == 1


@pytest.mark.parametrize(
    ("users", "more"),
    [(USERS, {"model": "popularity"}), (19, {}), (USERS, {"movies": 49})],
    ids=["popularity", "few users", "tiny catalogue"],
)
def test_the_same_list_is_allowed_where_it_must_be(users: int, more: dict[str, Any]) -> None:
    assert _guard(_table(np.tile(np.arange(TOP), (users, 1))), **more).failures == []


def test_lists_that_keep_nothing_are_stopped() -> None:
    lists = _personal(0, movies=250)
    report = _guard(_table(lists + 250), _table(lists))
    assert report.figures["kept"] == 0
    assert report.failures == ["Users keep 0.0% of their published movies on average, less than 2.0%."]
    assert _guard(_table(lists + 250), _table(lists), config=GuardConfig(min_kept=0)).ok


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s + 10, "mean score moved"),
        (lambda s: (s - 1.5) * 9 + 1.5, "spread 9 times"),
        (lambda s: (s - 1.5) / 9 + 1.5, "spread 0.11 times"),
    ],
)
def test_scores_that_drift_are_stopped_within_one_model_only(change: Any, words: str) -> None:
    lists = _personal(0)
    old = _table(lists)
    new = _table(lists, change(old["score"]))
    report = _guard(new, old)
    assert len(report.failures) == 1
    assert words in report.failures[0]
    assert _guard(new, old, old_model="ease").ok


def test_broken_scores_and_empty_tables_are_stopped() -> None:
    lists = _personal(0)
    scores = np.ones(lists.size)
    assert "Every score is the same." in _guard(_table(lists, scores)).failures
    scores[:3] = np.nan
    assert _guard(_table(lists, scores)).failures == ["3 of 2,000 scores are not finite."]
    empty = {name: column[:0] for name, column in _table(lists).items()}
    assert _guard(empty).failures == ["The new table has no rows."]
    assert _guard(_table(lists), empty).ok
