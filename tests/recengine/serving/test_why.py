"""The published reasons: exact, with titles, and silent where there are none."""

from __future__ import annotations

from html import escape
from pathlib import Path

import engine_homes
import pytest

from recengine import publish, score
from recengine.config import Home
from recengine.errors import BadInput, NotReady
from recengine.knobs.stages import ScoreConfig
from recengine.serving import reasons
from recengine.serving.report import gather, page
from recengine.warehouse.connection import published, warehouse


def night(home: Home, name: str = "hybrid", **config: object) -> score.ScoreReport:
    """Train, score and publish."""
    [folder] = home.snapshots.iterdir()
    more = {"epochs": 1} if name == "sae" else {}
    model_id = engine_homes.trained(home, folder, name, **more)
    with warehouse(home.warehouse) as con:
        report = score.score(con, home, folder, model_id, ScoreConfig(top_n=5, **config))
        publish.publish(con, home, force=True)
    return report


def rows(home: Home, query: str) -> list[tuple]:
    with published(home.serving_link) as con:
        return con.execute(query).fetchall()


LISTS = "SELECT user_id, rank, movie_id, score, predicted_rating FROM recommendations ORDER BY ALL"
SUMS = """
    SELECT max(abs(total - score) / greatest(1, abs(score))), count(*) FROM recommendations
    JOIN (SELECT user_id, rank, sum(part::DOUBLE) AS total FROM reasons GROUP BY ALL) USING (user_id, rank)
"""


def test_reasons_are_exact_and_change_no_list(home: Home) -> None:
    without = night(home, reasons=0)
    plain = rows(home, LISTS)
    assert (without.reasons, rows(home, "FROM reasons")) == (0, [])
    with pytest.raises(NotReady, match="--reasons 3"):
        reasons.why(home, 1)
    report = night(home)
    assert rows(home, LISTS) == plain
    [(off, explained)] = rows(home, SUMS)
    assert off < 1e-5
    assert explained == len(plain)
    [(most, kinds, made)] = rows(
        home, "SELECT max(reason), list_sort(array_agg(DISTINCT kind)), count(*) FROM reasons"
    )
    assert most == 4
    assert {"movie", "rest"} <= set(kinds)
    assert made == report.reasons


@pytest.mark.parametrize(
    "switches",
    [{"diversity": 0.3}, {"popularity_debias": 0.3}, {"rank_by": 0.5, "calibration": 0.2}],
    ids=str,
)
def test_what_switches_do_is_a_reason(home: Home, switches: dict[str, float]) -> None:
    night(home, reasons=20, **switches)
    [(off, _)] = rows(home, SUMS)
    assert off < 1e-5


RULES = {
    "boost_one.sql": "SELECT 2 AS user_id, movie_id, 0.7 AS weight FROM core.movies UNION ALL SELECT 3, 1, 2.0",
    "pin_two.sql": "SELECT unnest([5, 6]) AS movie_id",
}


@pytest.mark.parametrize("switches", [{}, {"diversity": 0.3}, {"popularity_debias": 0.3}], ids=str)
def test_what_rules_do_is_a_reason(home: Home, tmp_path: Path, switches: dict[str, float]) -> None:
    for name, query in RULES.items():
        (tmp_path / name).write_text(query)
    night(home, reasons=20, rules=str(tmp_path), **switches)
    [(off, explained)] = rows(home, SUMS)
    assert off < 1e-5
    assert explained == len(rows(home, LISTS))
    ruled = rows(home, "SELECT DISTINCT user_id FROM reasons WHERE kind = 'rule' ORDER BY ALL")
    assert ruled
    assert (2,) in ruled


def test_a_model_without_exact_parts_publishes_none_and_says_so(home: Home) -> None:
    night(home, "sae")
    [(said, found)] = rows(home, "SELECT reasons, (SELECT count(*) FROM reasons) FROM publication")
    assert found == 0
    assert said == "none: the model sae does not say exactly what its scores consist of"
    with pytest.raises(NotReady, match="the model sae does not say"):
        reasons.why(home, 1)


def test_why(home: Home) -> None:
    night(home)
    [(user, movie, title)] = rows(
        home, "SELECT user_id, movie_id, title FROM recommendations_detailed ORDER BY user_id, rank LIMIT 1"
    )
    one, every = reasons.why(home, user, movie), reasons.why(home, str(user))
    assert set(one["title"]) == {title}
    assert one["kind"].tolist()[-1] == "rest"
    assert one["because_title"].notna().any()
    assert (one["kind"] == "movie").equals(one["because_title"].notna())
    assert sorted(set(every["rank"])) == [1, 2, 3, 4, 5]
    with pytest.raises(BadInput, match=f"Movie 999 is not in the list of user {user}; it holds {movie}, "):
        reasons.why(home, user, 999)
    with pytest.raises(BadInput, match="User 77777 has no list"):
        reasons.why(home, 77777)


def test_the_report_says_what_is_among_the_reasons(home: Home) -> None:
    night(home)
    with warehouse(home.warehouse) as con:
        facts = gather(con, home)
    query = "SELECT user_id, because_title FROM reasons_detailed WHERE kind = 'movie' ORDER BY ALL LIMIT 1"
    [(user, title)] = rows(home, query)
    assert any(title in among for (owner, _), among in facts.among.items() if owner == user)
    assert escape(title) in page(facts)
