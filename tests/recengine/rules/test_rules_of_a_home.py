"""Rules from a folder to the published tables: the shipped examples, on a home of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from engine_homes import published

from recengine import features, publish, score, train
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.knobs.stages import ScoreConfig, TrainConfig
from recengine.models import store
from recengine.rules.inforce import compiled, fingerprint
from recengine.selection.priced import priced_of
from recengine.serving import queries
from recengine.upkeep.forget import forget
from recengine.warehouse.connection import warehouse

EXAMPLES = Path(__file__).parents[3] / "docs/examples/rules"


def scored(home: Home, config: ScoreConfig) -> None:
    with warehouse(home.warehouse) as con:
        built = features.build(con, home)
        score.score(con, home, built.folder, store.newest(home, built.fingerprint), config)


def in_home(home: Home, **texts: str) -> None:
    (home.root / "rules").mkdir(exist_ok=True)
    for name, text in texts.items():
        (home.root / "rules" / f"{name}.sql").write_text(text)


def test_the_shipped_examples_are_kept_and_told(home: Home) -> None:
    scored(home, ScoreConfig(top_n=5, genre_n=2, rules=str(EXAMPLES), rule_parameters=["years=25", "most=2"]))
    published(home)
    told = queries.sql(home, "SELECT * FROM rules ORDER BY name").set_index("name")
    assert list(told.index) == ["cap_genres", "exclude_for_adults", "only_recent_films"]
    assert told["about"]["cap_genres"] == "At most three of a genre in a list."
    assert told["most"]["cap_genres"] == 2
    assert (told["rows_named"] > 0).all()
    assert told["lists_changed"]["cap_genres"] > 0
    worst = queries.sql(
        home,
        "SELECT max(films) AS films FROM (SELECT count(*) AS films FROM (SELECT user_id, unnest(genres) AS genre "
        "FROM recommendations_detailed) GROUP BY user_id, genre)",
    )
    assert worst["films"][0] == 2
    newest = "(SELECT max(year(rated_at)) FROM ratings)"
    for table in ("recommendations_detailed", "popular_movies_detailed"):
        old = queries.sql(home, f"SELECT count(*) AS n FROM {table} WHERE year <= {newest} - 25")
        assert old["n"][0] == 0, table


def test_a_home_s_own_folder_counts_and_another_rule_is_another_request(home: Home) -> None:
    config = ScoreConfig(top_n=5)
    assert fingerprint(home, config) == ""
    in_home(
        home, pin_first="SELECT movie_id, -movie_id AS position FROM core.movies WHERE movie_id IN (7, 9)"
    )
    pinned = fingerprint(home, config)
    assert pinned
    scored(home, config)
    published(home)
    first = queries.sql(
        home,
        "SELECT count(*) AS n FROM recommendations AS r WHERE rank = 1 AND movie_id <> 9 "
        "AND NOT EXISTS (FROM ratings AS s WHERE s.user_id = r.user_id AND s.movie_id = 9)",
    )
    assert first["n"][0] == 0
    in_home(home, exclude_nine="SELECT 9 AS movie_id")
    assert fingerprint(home, config) != pinned
    scored(home, config)
    published(home)  # the audits have looked, and the guard lets other rules' lists through
    assert queries.sql(home, "SELECT count(*) AS n FROM recommendations WHERE movie_id = 9")["n"][0] == 0
    shutil.rmtree(home.root / "rules")
    scored(home, config)
    published(home)
    assert not len(queries.sql(home, "FROM rules"))


def test_boosts_put_scores_in_standard_deviations_and_the_guard_lets_them(home: Home) -> None:
    published(home)
    in_home(home, boost_old="SELECT movie_id, 5 AS weight FROM core.movies WHERE movie_id <= 20")
    scored(home, ScoreConfig(top_n=5, genre_n=2))
    published(home)
    shown = queries.sql(home, "SELECT count(*) AS n, count_if(movie_id <= 20) AS old FROM recommendations")
    assert shown["old"][0] > 0.9 * shown["n"][0]


def test_rules_that_leave_nothing_are_refused_and_what_was_scored_stays(home: Home) -> None:
    in_home(home, only_none="SELECT movie_id FROM core.movies WHERE false")
    with warehouse(home.warehouse) as con:
        built = features.build(con, home)
        before = con.execute("FROM scores.recommendations ORDER BY ALL").fetchall()
        with pytest.raises(BadInput, match="only_none leave 40 of 40 users without any movie"):
            compiled(con, home, Snapshot.load(built.folder), ScoreConfig())
        with pytest.raises(BadInput, match="only_none"):
            score.score(
                con,
                home,
                built.folder,
                store.newest(home, built.fingerprint),
                ScoreConfig(top_n=5, genre_n=2),
            )
        assert con.execute("FROM scores.recommendations ORDER BY ALL").fetchall() == before


def test_a_night_prices_each_rule_and_all_together_and_a_reader_sees_it(home: Home) -> None:
    in_home(
        home,
        cap_genres="SELECT movie_id, unnest(genres) AS value, 1 AS most FROM core.movies",
        boost_none="SELECT movie_id, 0 AS weight FROM core.movies",
    )
    [folder] = home.snapshots.iterdir()
    config = ScoreConfig(top_n=5, genre_n=2)
    done = train.train(home, folder, TrainConfig(model="ease"), lists=config, force=True)
    assert done.model_id is not None
    named = {price.what.rpartition(" ")[0]: price for price in done.selection.prices}
    assert list(named) == ["rule boost_none", "rule cap_genres", "all rules"]
    assert named["rule boost_none"].ndcg_change == (0, 0, 0)
    capped = named["rule cap_genres"]
    assert capped.changed["intra_list_diversity@10"] > capped.without["intra_list_diversity@10"]
    assert named["all rules"].changed == capped.changed
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, done.model_id, config)
    published(home)
    told = queries.sql(home, "SELECT * FROM rules ORDER BY name").set_index("name")
    figures = told[["ndcg_change", "ndcg_change_low", "ndcg_change_high"]]
    assert figures.loc["cap_genres"].tolist() == list(capped.ndcg_change)
    assert told["ndcg_without"].tolist() == [capped.without["ndcg@10"]] * 2
    assert told["lists_changed"]["boost_none"] == 0
    [together] = queries.sql(home, "SELECT rules_price->>'what' AS what FROM publication")["what"]
    assert together == "all rules"


def test_another_query_under_the_same_name_has_no_price_and_ends_a_verdict(home: Home) -> None:
    in_home(home, exclude_some="SELECT 9 AS movie_id")
    before = priced_of(home, ScoreConfig())
    [folder] = home.snapshots.iterdir()
    done = train.train(home, folder, TrainConfig(model="ease"), lists=ScoreConfig(), force=True)
    assert done.model_id is not None
    assert {price.what for price in done.selection.prices} == before
    in_home(home, exclude_some="SELECT 7 AS movie_id")
    assert not before & priced_of(home, ScoreConfig())
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, done.model_id, ScoreConfig(top_n=5))
        assert con.execute("SELECT ndcg_change FROM scores.rules").fetchall() == [(None,)]
        assert not con.execute("FROM scores.rules_together").fetchall()


def test_training_looks_at_the_rules_before_it_fits_anything(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    models = sorted(home.models.iterdir())
    for text, said in (
        ("SELECT 1 AS film", "gives the columns film"),
        ("SELECT 0 AS movie_id", "leave 40 of 40"),
    ):
        in_home(home, only_odd=text)
        with pytest.raises(BadInput, match=said):
            train.train(home, folder, TrainConfig(model="ease"), lists=ScoreConfig(), force=True)
    assert sorted(home.models.iterdir()) == models


def test_who_is_forgotten_is_named_by_no_rule(home: Home) -> None:
    in_home(home, exclude_some="SELECT user_id, 3 AS movie_id FROM core.users")
    scored(home, ScoreConfig(top_n=5, genre_n=2))
    with warehouse(home.warehouse) as con:
        publish.publish(con, home)
        assert con.execute("SELECT count(*) FROM scores.rule_rows WHERE user_id = 3").fetchall() == [(1,)]
    forget(home, [3])
    with warehouse(home.warehouse) as con:
        assert con.execute("SELECT count(*) FROM scores.rule_rows WHERE user_id = 3").fetchall() == [(0,)]
