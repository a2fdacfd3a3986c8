"""The page of what a billion ratings need: its arithmetic, by hand."""

from __future__ import annotations

import pytest

from benchmarks.billion import Night, need_of, shuffled

SMALL = Night(ratings=10**7, users=65_000, seconds=80.0, in_tasks=30.0, gib=3.0)
LARGE = Night(ratings=10**8, users=650_000, seconds=640.0, in_tasks=300.0, gib=12.0)


def test_costs_go_on_as_they_grew() -> None:
    need = need_of(SMALL, LARGE)
    assert need.here == pytest.approx(340 * 340 / 50)
    assert need.core_seconds == pytest.approx(6_000)
    assert need.gib == pytest.approx(48)
    assert need.exponents["core-seconds in shards' tasks"] == pytest.approx(1)


def test_to_plan_with_nothing_grows_slower_than_the_ratings() -> None:
    need = need_of(SMALL, LARGE, least=1.0)
    assert need.here == pytest.approx(3_400)
    assert need.gib == pytest.approx(120)
    assert [*need.exponents.values()] == pytest.approx([1, 1, 1])


def test_more_nodes_help_until_the_driver_is_what_takes_the_time() -> None:
    need = need_of(SMALL, LARGE)
    assert need.hours(1) == pytest.approx((2_312 + 6_000 / 16) / 3600)
    assert need.hours(1) > need.hours(4) > need.here / 3600
    assert need.hours(10**6) == pytest.approx(need.here / 3600, rel=1e-3)


def test_what_moves_grows_with_shards_and_users() -> None:
    one, two = shuffled(10**9, 0, 60_000), shuffled(2 * 10**9, 0, 60_000)
    assert two == 2 * one
    sums = 200 * (2 * 4_000**2 * 4 + 3 * 60_001 * (32 * 33 // 2 + 32) * 4)
    assert one == sums
    assert shuffled(10**9, 10**6, 60_000) - one == 10**6 * (32 * 4 + 2_500)
