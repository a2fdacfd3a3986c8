"""A day's hit rate next to the days before: judged where there is enough to judge by, loud where it stands out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import duckdb
import numpy as np
import pytest
from engine_homes import core_of

from recengine.outcomes import trend
from recengine.outcomes.trend import Day

FIRST = date(2026, 3, 1)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with core_of() as con:
        yield con


def plant(con: duckdb.DuckDBPyConnection, hits: Sequence[int], users: int = 1000) -> date:
    """Outcomes of a day each, two ranks with these hits at each; returns the day after the last."""
    for night, count in enumerate(hits):
        day = FIRST + timedelta(days=night)
        for rank in (1, 2):
            row = ["tiny", f"{day:%Y%m%d}-020000-000", "m", "all", day, rank, users, count, users]
            con.execute("INSERT INTO ops.outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)", row)
    return FIRST + timedelta(days=len(hits))


STEADY = [50, 52, 48, 51, 49, 50, 53, 47, 50, 52, 48, 50, 51, 49]


def test_days_add_up_ranks_and_versions(con: duckdb.DuckDBPyConnection) -> None:
    after = plant(con, [50, 40])
    con.execute(
        "INSERT INTO ops.outcomes VALUES ('tiny', '20260302-150000-000', 'm', 'all', '2026-03-02', 1, 30, 3, 30, 0), "
        "('other', '20260302-150000-000', 'm', 'all', '2026-03-02', 1, 7, 7, 7, 0)"
    )
    found = trend.days_of(con, "tiny", 14, before=after)
    assert found == [Day(FIRST, 2000, 100, 1000), Day(date(2026, 3, 2), 2030, 83, 1030)]
    assert trend.days_of(con, "tiny", 1, before=date(2026, 3, 2)) == [Day(FIRST, 2000, 100, 1000)]
    assert trend.days_of(con, "tiny", 14, least=1001, before=after) == [Day(date(2026, 3, 2), 2030, 83, 1030)]


@pytest.mark.parametrize(("last", "said"), [(50, ""), (60, ""), (20, "less"), (90, "more")])
def test_a_day_that_stands_out_is_said_and_no_other(
    con: duckdb.DuckDBPyConnection, last: int, said: str
) -> None:
    after = plant(con, [*STEADY, last])
    found = trend.unusual(con, "tiny", [FIRST + timedelta(days=14)], after)
    if not said:
        assert found == ""
        return
    assert found.startswith(
        f"On 2026-03-15 {last / 1000:.2%} of the listed movies were rated ({2 * last} of 2,000)"
    )
    assert f", {said} than the 14 days before let expect (" in found


def test_what_says_too_little_is_not_judged(con: duckdb.DuckDBPyConnection) -> None:
    after = plant(con, [*STEADY, 0])
    assert trend.unusual(con, "tiny", [FIRST], after) == "", "no rating arrived for the newest day"
    assert trend.unusual(con, "tiny", [after], after - timedelta(days=1)) == "", "the day is not over"
    con.execute(
        "UPDATE ops.outcomes SET users = 49 WHERE day < '2026-03-09'"
    )  # of fourteen days six are left
    assert trend.unusual(con, "tiny", [FIRST + timedelta(days=14)], after) == ""
    con.execute("DELETE FROM ops.outcomes")
    assert trend.unusual(con, "tiny", [FIRST], after) == ""
    assert trend.expected([Day(FIRST, 2000, 100, 1000)] * 6, 2000) is None
    assert trend.expected([Day(FIRST, 2000, 100, 1000)] * 7, 2000) is not None
    assert trend.expected([Day(FIRST, 2000, 100, 1000)] * 7, 199) is None


def test_a_hundred_usual_days_raise_about_one_alarm() -> None:
    drawn = np.random.default_rng(1).binomial(2000, 0.05, (2000, 15))
    outside = 0
    for rates in drawn:
        usual = trend.expected([Day(FIRST, 2000, int(hits), 1000) for hits in rates[:14]], 2000)
        assert usual is not None
        outside += not usual.low <= rates[14] / 2000 <= usual.high
    assert 2 <= outside <= 30  # 20 of 2,000 are 1 %
