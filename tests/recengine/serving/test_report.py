"""The morning's page from a hand-made publication."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date, datetime

import pytest

from recengine.config import Home
from recengine.errors import NotReady
from recengine.outcomes.trend import Day
from recengine.serving import report
from recengine.serving.runs import Run
from recengine.warehouse.connection import memory
from recengine.warehouse.history.trials import Trial, Tuning

FACTS = report.Facts(
    publication={"dataset": "<b>ml</b>", "version": "20260102-000000-000", "model_id": "m-1",
                 "top_n": 2, "users": 2, "recommendations": 4, "generated_at": datetime(2026, 1, 2)},
    reason="m published: good & better",
    load={"ratings": 12345, "movies": 3, "users": 2, "users_without_attributes": 0, "repeated_ratings": 1,
          "quarantined": 2, "quarantined_by_reason": '{"unknown movie <x>": 2}'},
    history=[{"version": "20260101-000000-000", "model_id": "m-0", "metrics": {"ndcg@10": 0.25}},
             {"version": "20260102-000000-000", "model_id": "m-1",
              "metrics": {"ndcg@10": 0.5, "rmse": None}}],
    curve=[{"step": 1.0, "loss": 0.9}, {"step": 2.0, "loss": 0.5}],
    popularity=[{"tenth": n, "share_of_ratings": 0.1, "share_of_lists": 0.2, "coverage": 0.5}
                for n in (1, 2)],
    lists={1: [(1, "Stays", "Goes"), (2, "Comes $x^2$", "Stays")], 2: [(1, "<script>x</script>", None)]},
    before="20260101-000000-000",
)  # fmt: skip


def test_the_page_holds_every_fact_and_no_live_text() -> None:
    page = report.page(FACTS)
    for part in ("&lt;b&gt;ml&lt;/b&gt;", "good &amp; better", "12,345",
                 "quarantined: unknown movie &lt;x&gt;",
                 "0.2500", "0.5000", "&lt;script&gt;x", "Comes $x^2$"):  # fmt: skip
        assert part in page, part
    assert page.count("<svg") == 3
    assert not re.search(r"<script|(src|href)=.http|@import", page)


def test_a_tuning_says_what_left_its_default_and_draws_its_trials() -> None:
    at = datetime(2026, 1, 1, 4, 30)
    tuning = Tuning("ml", "s", "ease", "f", {}, {"ridge": 500.0, "boost.weight": 2}, "Better <b>by</b> 3 %.",
                    True, at, 9.0, "ndcg@10", 0.2, 0.21)  # fmt: skip

    def trial(number: int, split: int, gain: float, users: int, kept: bool, error: float = 0.001) -> Trial:
        return Trial("ml", "s", number, "ease", {"ridge": 500.0}, {}, split, "ndcg@10", 0.2, gain, error,
                     users, 1.0, at, kept)  # fmt: skip

    trials = [trial(1, 1, 0.010, 300, True), trial(2, 2, 0.002, 100, True), trial(3, 1, 0.9, 300, False),
              trial(4, 1, -0.01, 1, False, math.inf)]  # fmt: skip
    page = report.page(replace(FACTS, tuned=report.Tuned(tuning, trials)))
    for part in ("2026-01-01 04:30:00 UTC, ease: Better &lt;b&gt;by", "<td>ridge</td><td class=n>500.0</td>",
                 "+0.0080 ndcg@10 over 400 lists",
                 "<td>boost.weight</td><td class=n>2</td><td>no longer known"):  # fmt: skip
        assert part in page, part
    assert page.count("<svg") == 4
    assert report.page(replace(FACTS, tuned=report.Tuned(tuning, []))).count("<svg") == 3, "trials pruned"
    assert "<h2>Tuning" not in report.page(FACTS)


def test_live_hit_rates_are_drawn_where_there_are_any() -> None:
    days = tuple(Day(date(2026, 1, n), 1000, 50 + n, 100) for n in range(1, 20))
    page = report.page(replace(FACTS, outcomes=days))
    assert page.count("<svg") == 4
    assert "<h2>What came of the lists" in page
    assert "<h2>What came of the lists" not in report.page(FACTS)


def test_variants_are_told_beside_a_plainer_one() -> None:
    one = {"variant": "m+<x>", "against": "m", "first_day": date(2026, 1, 2), "last_day": date(2026, 1, 9),
           "shown": 12345, "shown_against": 9000, "hit_rate": 0.0123, "hit_rate_against": 0.01,
           "difference": 0.0023, "difference_low": -0.0001, "difference_high": 0.0047}  # fmt: skip
    few = one | {"difference_low": None, "difference_high": None}
    page = report.page(replace(FACTS, compared=[one, few]))
    assert "m+&lt;x&gt;" in page
    for part in (
        "2026-01-02 to 2026-01-09",
        "1.23% of 12,345",
        "+0.23% [-0.01%, +0.47%]",
        "+0.23% (too few hits",
    ):
        assert part in page, part
    assert "<h2>Variants" not in report.page(FACTS)


def test_what_is_new_in_a_list_is_marked() -> None:
    cells = re.findall(r"<td class=new>([^<]*)<", report.page(FACTS))
    assert cells == ["Comes $x^2$", "&lt;script&gt;x&lt;/script&gt;"]


def test_a_page_is_the_same_each_time() -> None:
    ids = re.compile(r'(id="|#|url\(#)[\w-]+')
    assert ids.sub("", report.page(FACTS)) == ids.sub("", report.page(FACTS))


def test_nothing_published_is_said(tmp_path: object) -> None:
    with pytest.raises(NotReady, match="Nothing is published"):
        report.gather(memory(), Home.at(str(tmp_path)))


def test_rules_are_told_with_what_they_change_and_cost() -> None:
    rule = {"name": "cap_x", "about": "At most <3>.", "rows_named": 1234, "rows_unknown": 5, "lists_changed": 2,
            "ndcg_change": -0.01, "ndcg_change_low": -0.02, "ndcg_change_high": 0.0, "ndcg_without": 0.1}  # fmt: skip
    unpriced = rule | {"name": "pin_y", "ndcg_change": None}
    price = '{"what": "all rules", "without": {"ndcg@10": 0.1}, "ndcg_change": [-0.03, -0.04, -0.02]}'
    publication = FACTS.publication | {"rules_price": price}
    assert report.rule_rows([rule, unpriced], publication) == [
        ("cap_x", "At most <3>.", "1,234", "5", "2 of 2 users", "-0.0100 (-10.0%) [-0.0200, +0.0000]"),
        ("pin_y", "At most <3>.", "1,234", "5", "2 of 2 users", "not measured"),
        ("all rules", "together", "", "", "", "-0.0300 (-30.0%) [-0.0400, -0.0200]"),
    ]
    page = report.page(replace(FACTS, publication=publication, rules=[rule]))
    assert "<h2>Rules</h2>" in page
    assert "At most &lt;3&gt;." in page
    assert "<h2>Rules</h2>" not in report.page(FACTS)


def _night(at: int, **seconds: float) -> Run:
    began = datetime(2026, 1, at)
    return Run(name=f"n{at}", flow="nightly", outcome="Published", began=began, ended=began, seconds=seconds)


def test_what_leaves_the_range_of_the_last_nights_is_marked() -> None:
    earlier = [
        {"users": users, "movies": 50, "ratings": 10 * users, "ratings_a_user": 10.0, "mean_rating": 3.5,
         "mean_age": None, "newest_days": 1.0}
        for users in (1000, 1010, 1020)
    ]  # fmt: skip
    now = earlier[-1] | {"users": 1030, "ratings": 5000, "mean_rating": 3.9, "mean_age": 30.0}
    assert report.input_rows([*earlier, now]) == [
        ("users", "1,030", "1,000 to 1,020, mostly 1,010", ""),
        ("movies rated", "50", "50 to 50, mostly 50", ""),
        ("ratings", "5,000", "10,000 to 10,200, mostly 10,100", "▼ unlike before"),
        ("ratings a user", "10.00", "10.00 to 10.00, mostly 10.00", ""),
        ("mean rating", "3.90", "3.50 to 3.50, mostly 3.50", "▲ unlike before"),
        ("mean age of users, years", "30.00", "none yet", ""),
        ("days since the newest rating", "1.00", "1.00 to 1.00, mostly 1.00", ""),
    ]
    assert report.input_rows([earlier[0], now])[0] == ("users", "1,030", "1,000", "")
    nights = [_night(1, ingest=1.0, fit=20.0), _night(2, ingest=1.2, fit=22.0), _night(3, ingest=1.1)]
    assert report.seconds_rows({"ingest": 9.0, "fit": 23.0}, nights) == [
        ("ingest", "9.0", "1.0 to 1.2, mostly 1.1", "▲ unlike before"),
        ("fit", "23.0", "20.0 to 22.0, mostly 21.0", ""),
        ("together", "32.0", "1.1 to 23.2, mostly 21.0", ""),
    ]
    page = report.page(replace(FACTS, inputs=[*earlier, now], seconds={"fit": 9.0}, nights=nights))
    assert "<h2>How long it took</h2>" in page
    assert "▼ unlike before" in page
    assert "<h2>The input against" not in report.page(FACTS)


def test_lists_in_short_genres_and_where_bad_lines_are() -> None:
    short = {"users_changed": 1, "movies_in_a_list": 1500, "movies": 3000, "genres_a_list": 4.25}
    genres = [{"genre": "Drama $x$", "share_of_ratings": 0.6, "share_of_lists": 0.4}]
    bad = [{"reason": "unknown movie <x>", "lines": 2, "examples": "r.csv line 3, r.csv line 9"}]
    page = report.page(replace(FACTS, short=short, genres=genres, quarantined=bad))
    for part in (
        "1 of 2 users",
        "1,500 of 3,000 (50%)",
        "4.2",
        "<h2>Genres</h2>",
        "2 (r.csv line 3, r.csv line 9)",
    ):
        assert part in page, part
    assert page.count("<svg") == 4
