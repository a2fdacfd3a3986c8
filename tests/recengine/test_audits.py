"""Every audit catches the fault it is for, and none objects to sound tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Timer

import duckdb
import pyarrow as pa
import pytest
from engine_homes import copy_of, core_of, fill_core
from hypothesis import given, settings
from hypothesis import strategies as st

from recengine import features, publish, score
from recengine.config import Home
from recengine.errors import AuditFailed
from recengine.models.popularity import Popularity
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import warehouse

ROW_GROUP = 122_880  # rows that DuckDB gives a thread at a time
A_LIST = "user_id = (SELECT min(user_id) FROM published.recommendations)"


@dataclass(frozen=True)
class Fault:
    audit: str
    statement: str
    problem: str


def _one_film(ids: str) -> str:
    """Makes one film of the movies that a query names."""
    found = f"(WITH ids(id) AS ({ids}) SELECT {{}} FROM ids)"
    chosen = "movie_id IN " + found.format("id")
    return f"UPDATE published.movies SET film_id = {found.format('min(id)')} WHERE {chosen}"


RECS = "published.recommendations"
GENRES = "published.recommendations_by_genre"
OF_A_GENRE = f"user_id = 1 AND genre = (SELECT min(genre) FROM {GENRES})"


def _rule(kind: str, most: str, rows: str) -> str:
    """A rule of which the lists know nothing, with the rows (user_id, movie_id, value) of a query."""
    return (
        f"INSERT INTO scores.rules (name, kind, per_user, most) VALUES ('{kind}_x', '{kind}', false, {most}); "
        f"INSERT INTO scores.rule_rows BY NAME SELECT '{kind}_x' AS rule, * FROM ({rows})"
    )


FAULTS = [
    Fault(
        "variants_are_those_of_the_hash",
        f"UPDATE {RECS} SET variant = 'hybrid' WHERE {A_LIST}",
        "user 1 has variant hybrid, not NULL",
    ),
    Fault(
        "variants_are_those_of_the_hash",
        "UPDATE published.publication SET variants = ['a', 'b']; "
        f"UPDATE {RECS} SET variant = CASE WHEN user_id IN (1, 4, 5, 6, 8) THEN 'a' ELSE 'b' END WHERE user_id < 8 "
        f"OR user_id = 8; UPDATE {RECS} SET variant = 'a' WHERE user_id = 7; DELETE FROM {RECS} WHERE user_id > 8",
        "user 7 has variant a, not b",
    ),
    Fault(
        "excluded_is_not_listed",
        _rule("exclude", "NULL", f"SELECT movie_id FROM {RECS} WHERE {A_LIST} AND rank = 2"),
        "exclude_x excludes",
    ),
    Fault(
        "excluded_is_not_listed",
        _rule(
            "exclude",
            "NULL",
            f"SELECT movie_id FROM published.popular_movies ANTI JOIN {RECS} USING (movie_id)",
        ),
        "popular_movies lists movie ",
    ),
    Fault(
        "only_allowed_is_listed",
        _rule("only", "NULL", "SELECT max(movie_id) AS movie_id FROM core.movies"),
        "which only_x does not allow",
    ),
    Fault(
        "caps_are_kept",
        _rule("cap", "4", f"SELECT movie_id, 'any' AS value FROM {RECS} WHERE {A_LIST}"),
        "user 1 has 5 movies of any, more than the 4 of cap_x",
    ),
    Fault(
        "pinned_come_first",
        _rule("pin", "NULL", f"SELECT movie_id FROM {RECS} WHERE {A_LIST} AND rank = 3"),
        "has a pinned movie behind another",
    ),
    Fault(
        "every_movie_is_known",
        f"UPDATE {RECS} SET movie_id = 999 WHERE {A_LIST} AND rank = 2",
        "movie 999 is not in movies",
    ),
    Fault(
        "every_movie_is_known",
        "UPDATE published.popular_movies SET movie_id = 999 WHERE rank = 1",
        "movie 999 is not in movies",
    ),
    Fault(
        "every_movie_is_known",
        "UPDATE published.similar_movies SET similar_movie_id = 999 WHERE rank = 1",
        "movie 999 is not in movies",
    ),
    Fault(
        "every_movie_is_known",
        "UPDATE published.similar_movies SET similar_movie_id = 1 WHERE movie_id = 1",
        "movie 1 is its own neighbour",
    ),
    Fault(
        "every_user_has_n", f"DELETE FROM {RECS} WHERE {A_LIST} AND rank = 5", "user 1 has 4 rows, and movie "
    ),
    Fault("every_user_has_n", f"DELETE FROM {RECS} WHERE user_id = 3", "user 3 has 0 rows, and movie "),
    Fault(
        "every_user_has_n",
        f"INSERT INTO {RECS} SELECT * REPLACE (777 AS user_id) FROM {RECS} WHERE {A_LIST}",
        "user 777 is not known",
    ),
    Fault(
        "every_genre_has_n",
        f"DELETE FROM {GENRES} WHERE {OF_A_GENRE} AND rank = 2",
        "user 1 has 1 rows of Action, not 2",
    ),
    Fault(
        "every_genre_has_n",
        f"INSERT INTO {GENRES} SELECT * REPLACE ('Opera' AS genre) FROM {GENRES} WHERE {OF_A_GENRE}",
        "user 1 has 2 rows of Opera, not 0",
    ),
    Fault(
        "genre_lists_hold_their_genre",
        f"UPDATE {GENRES} SET movie_id = (SELECT min(movie_id) FROM published.movies "
        f"WHERE NOT list_contains(genres, 'Action')) WHERE {OF_A_GENRE} AND rank = 1",
        "user 1 has movie ",
    ),
    Fault(
        "genre_lists_agree_with_the_lists",
        f"UPDATE {RECS} SET movie_id = (SELECT max(movie_id) FROM published.movies "
        f"ANTI JOIN {GENRES} USING (movie_id) WHERE len(genres) > 0) WHERE {A_LIST} AND rank = 1",
        "in the list and not among the best of ",
    ),
    Fault(
        "nothing_already_rated",
        f"UPDATE {GENRES} SET movie_id = (SELECT min(movie_id) FROM core.ratings WHERE user_id = 1) "
        f"WHERE {OF_A_GENRE} AND rank = 1",
        "user 1 has rated movie ",
    ),
    Fault(
        "every_movie_is_known",
        f"UPDATE {GENRES} SET movie_id = 999 WHERE rank = 1",
        "movie 999 is not in movies",
    ),
    Fault(
        "no_duplicates",
        f"UPDATE {GENRES} SET movie_id = 7 WHERE {OF_A_GENRE}",
        "user 1 Action lists movie 7 2 times",
    ),
    Fault(
        "ranks_have_no_gaps",
        f"UPDATE {GENRES} SET rank = 3 WHERE {OF_A_GENRE} AND rank = 2",
        "user 1 Action has ranks 1 to 3 in 2 rows",
    ),
    Fault(
        "scores_fall_with_rank",
        f"UPDATE {GENRES} SET score = score - 9 WHERE {OF_A_GENRE} AND rank = 1",
        "user 1 Action rank 2 has score ",
    ),
    Fault(
        "no_film_listed_twice",
        _one_film(f"SELECT movie_id FROM {GENRES} WHERE {OF_A_GENRE}"),
        "user 1 Action lists the film of movie ",
    ),
    Fault(
        "no_film_rated_under_another_id",
        _one_film(
            f"SELECT movie_id FROM {GENRES} WHERE {OF_A_GENRE} AND rank = 1 "
            "UNION SELECT min(movie_id) FROM core.ratings WHERE user_id = 1"
        ),
        "user 1 has rated movie ",
    ),
    Fault(
        "no_duplicates",
        f"UPDATE {RECS} SET movie_id = (SELECT max(movie_id) FROM {RECS} WHERE {A_LIST}) WHERE {A_LIST}",
        "user 1 lists movie ",
    ),
    Fault(
        "no_duplicates",
        "UPDATE published.popular_movies SET movie_id = 1 WHERE segment = 'all'",
        "segment all lists movie 1 ",
    ),
    Fault(
        "nothing_already_rated",
        f"UPDATE {RECS} SET movie_id = (SELECT min(movie_id) FROM core.ratings "
        f"WHERE user_id = 1) WHERE {A_LIST} AND rank = 1",
        "user 1 has rated movie ",
    ),
    Fault(
        "no_film_listed_twice",
        _one_film(f"SELECT movie_id FROM {RECS} WHERE {A_LIST} AND rank IN (2, 4)"),
        "user 1 lists the film of movie ",
    ),
    Fault(
        "no_film_listed_twice",
        _one_film("SELECT movie_id FROM published.popular_movies WHERE segment = 'all' AND rank IN (1, 7)"),
        "segment all lists the film of movie ",
    ),
    Fault(
        "no_film_listed_twice",
        _one_film("SELECT similar_movie_id FROM published.similar_movies WHERE movie_id = 1 AND rank > 1"),
        "movie 1 lists the film of movie ",
    ),
    Fault(
        "no_film_rated_under_another_id",
        _one_film(
            f"SELECT movie_id FROM {RECS} WHERE {A_LIST} AND rank = 3 "
            "UNION SELECT min(movie_id) FROM core.ratings WHERE user_id = 1"
        ),
        "user 1 has rated movie ",
    ),
    Fault(
        "no_film_is_its_own_neighbour",
        _one_film(
            "SELECT unnest([1, similar_movie_id]) FROM published.similar_movies WHERE movie_id = 1 AND rank = 2"
        ),
        "movie 1 has its own film as neighbour, movie ",
    ),
    Fault(
        "same_title_and_year_is_one_film",
        "UPDATE published.movies SET title = 'Twin (1997)', year = 1997 WHERE movie_id IN (4, 9)",
        "movies 4 and 9 are both Twin (1997) but not one film",
    ),
    Fault(
        "same_title_and_year_is_one_film",
        "UPDATE published.movies SET film_id = 999 WHERE movie_id = 4",
        "movie 4 has the film 999, which is no film of its own",
    ),
    Fault(
        "reasons_add_up",
        f"UPDATE published.reasons SET part = part + 1e-3 WHERE {A_LIST} AND rank = 2 AND kind = 'rest'",
        "user 1 rank 2 has score ",
    ),
    Fault("reasons_add_up", f"DELETE FROM published.reasons WHERE {A_LIST} AND rank = 3", "reasons of NULL"),
    Fault(
        "reasons_add_up",
        f"UPDATE published.reasons SET reason = reason + 1 WHERE {A_LIST} AND rank = 1",
        "of them the rest",
    ),
    Fault(
        "reasons_are_the_users",
        "UPDATE published.reasons SET kind = 'movie', because_movie_id = r.movie_id FROM published.recommendations "
        "AS r WHERE reasons.user_id = r.user_id AND reasons.rank = r.rank AND r.rank = 1 AND reason = 1",
        ", which the user has not rated",
    ),
    Fault(
        "reasons_are_the_users",
        f"UPDATE published.reasons SET share = -0.5 WHERE {A_LIST} AND rank = 1 AND kind <> 'rest'",
        "reason 1 has share -0.5",
    ),
    Fault(
        "relevance_is_a_share",
        f"UPDATE {RECS} SET relevance = 0.5 WHERE {A_LIST} AND rank = 1",
        "user 1 rank 1 has relevance 0.5",
    ),
    Fault(
        "relevance_is_a_share",
        f"UPDATE {RECS} SET relevance = NULL WHERE {A_LIST} AND rank = 2",
        "user 1 rank 2 has relevance NULL",
    ),
    Fault(
        "relevance_is_a_share",
        f"UPDATE {RECS} SET score = score - 100 WHERE {A_LIST}",
        "user 1 rank 1 has relevance 1",
    ),
    Fault(
        "ratings_are_those_that_were_read",
        "DELETE FROM published.ratings WHERE user_id = 1",
        "rows that are not the",
    ),
    Fault(
        "ratings_are_those_that_were_read",
        "UPDATE published.ratings SET movie_id = movie_id + 1 WHERE user_id = 1",
        "rows that are not the",
    ),
    Fault(
        "outcomes_add_up",
        "INSERT INTO published.outcomes VALUES ('20261101-020000-000', 'm', 'all', '2026-11-01', 2, 3, 4, 4 / 3, 3)",
        "rank 2 on 2026-11-01 has 4 hits of 3 shown to 3 users",
    ),
    Fault(
        "outcomes_add_up",
        "INSERT INTO published.outcomes "
        "SELECT '20261101-020000-000', 'm', 'all', '2026-11-01', 2, 3, 0, 0, 3 FROM range(2)",
        "rank 2 on 2026-11-01 is counted 2 times",
    ),
    Fault(
        "outcomes_add_up",
        "INSERT INTO published.outcomes VALUES ('20261101-020000-000', 'm', 'all', '2026-10-31', 1, 3, 0, 0, 3)",
        "rank 1 on 2026-10-31 has 0 hits of 3 shown",
    ),
    Fault(
        "variants_are_compared_as_they_came_out",
        "INSERT INTO published.outcomes_by_variant "
        "VALUES ('m+x', 'm', '2026-11-01', '2026-11-01', 3, 3, 1, 2, 1 / 3, 2 / 3, -1 / 3, NULL, NULL)",
        "variant m+x against m has 1 and 2 hits, not as in outcomes",
    ),
    Fault(
        "changes_are_not_in_both",
        f"INSERT INTO published.changes SELECT user_id, movie_id, 'lost', 1, NULL FROM {RECS} WHERE {A_LIST}",
        "user 1 lost movie",
    ),
    Fault(
        "changes_are_not_in_both",
        "INSERT INTO published.changes SELECT user_id, movie_id, 'gained', NULL, 1 FROM published.ratings",
        "which is not in the list",
    ),
    Fault(
        "everything_is_explained",
        "COMMENT ON COLUMN published.movies.genres_text IS NULL",
        "movies.genres_text has no comment",
    ),
    Fault(
        "everything_is_explained",
        "COMMENT ON COLUMN published.recommendations_detailed.title IS ' '",
        "recommendations_detailed.title has no comment",
    ),
    Fault("everything_is_explained", "COMMENT ON TABLE published.users IS NULL", "users has no comment"),
    Fault(
        "everything_is_explained",
        "CREATE VIEW published.mine AS SELECT 1 AS one",
        "mine has no comment",
    ),
    Fault(
        "one_model_one_publication",
        f"UPDATE {RECS} SET model_id = 'other' WHERE {A_LIST}",
        "a row of model other is not of the publication",
    ),
    Fault(
        "one_model_one_publication",
        "INSERT INTO published.publication FROM (SELECT * REPLACE ('w' AS version) FROM published.publication)",
        "publication has 2 rows",
    ),
    Fault("one_model_one_publication", "DELETE FROM published.publication", "publication has 0 rows"),
    Fault(
        "one_model_one_publication",
        "DELETE FROM published.popular_movies WHERE segment = 'all'",
        "popular_movies has no segment all",
    ),
    Fault(
        "one_model_one_publication",
        "UPDATE published.publication SET input_fingerprint = 'old'",
        "the scored data (old) is not the data in the warehouse",
    ),
    Fault(
        "ranks_have_no_gaps",
        f"UPDATE {RECS} SET rank = 6 WHERE {A_LIST} AND rank = 5",
        "user 1 has ranks 1 to 6 in 5 rows",
    ),
    Fault(
        "ranks_have_no_gaps",
        f"UPDATE {RECS} SET rank = 2 WHERE {A_LIST} AND rank = 1",
        "user 1 has ranks 2 to 5 in 5 rows",
    ),
    Fault(
        "ranks_have_no_gaps",
        f"UPDATE {RECS} SET rank = 2 WHERE {A_LIST} AND rank = 3",
        "user 1 has ranks 1 to 5 in 5 rows",
    ),
    Fault(
        "scores_fall_with_rank",
        f"UPDATE {RECS} SET score = score + 1 WHERE {A_LIST} AND rank = 3",
        "user 1 rank 3 has score ",
    ),
    Fault(
        "scores_fall_with_rank",
        f"UPDATE {RECS} SET score = 'nan' WHERE {A_LIST} AND rank = 5",
        "user 1 rank 5 has score nan",
    ),
    Fault(
        "scores_fall_with_rank",
        f"UPDATE {RECS} SET score = 'inf' WHERE {A_LIST} AND rank = 1",
        "user 1 rank 1 has score inf",
    ),
    Fault(
        "scores_fall_with_rank",
        f"UPDATE {RECS} SET score = 1, movie_id = 1000 - rank WHERE {A_LIST}",
        "user 1 rank 2 has score 1.0 after 1.0",
    ),
    Fault(
        "stars_are_on_the_scale",
        f"UPDATE {RECS} SET predicted_rating = 5.1 WHERE {A_LIST} AND rank = 1",
        "user 1 rank 1 is predicted 5.1 stars",
    ),
    Fault(
        "stars_are_on_the_scale",
        f"UPDATE {RECS} SET predicted_rating = 'nan' WHERE {A_LIST}",
        "is predicted nan stars",
    ),
]


@pytest.fixture(scope="module")
def audited(
    scored_home: Home, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse with sound tables in ``published``."""
    home = copy_of(scored_home, tmp_path_factory.mktemp("audits") / "home")
    with warehouse(home.warehouse) as con:
        con.execute("ATTACH ':memory:' AS published")
        publish.write_tables(con, "v", {})
        yield con


@pytest.fixture
def con(audited: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same for one test, which may spoil the tables."""
    audited.execute("BEGIN")
    yield audited
    audited.execute("ROLLBACK")


def test_every_audit_has_a_planted_fault() -> None:
    assert sorted({fault.audit for fault in FAULTS}) == sqlfiles.names("audits")


def test_sound_tables_return_no_row(con: duckdb.DuckDBPyConnection) -> None:
    publish.audit(con)
    for name in sqlfiles.names("audits"):
        assert con.execute(sqlfiles.load(f"audits/{name}")).fetchall() == [], name


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.audit}-{fault.problem[:20]}")
def test_planted_fault_is_caught(con: duckdb.DuckDBPyConnection, fault: Fault) -> None:
    con.execute(fault.statement)
    problems = [row[0] for row in con.execute(sqlfiles.load(f"audits/{fault.audit}")).fetchall()]
    assert any(fault.problem in problem for problem in problems), problems
    with pytest.raises(AuditFailed, match=fault.audit) as caught:
        publish.audit(con)
    assert fault.audit in caught.value.failures


@pytest.fixture(scope="module")
def scratch() -> duckdb.DuckDBPyConnection:
    return core_of()


def publish_into_memory(con: duckdb.DuckDBPyConnection, n: int) -> None:
    snapshot = features.snapshot(con)
    batches = score.recommend(Popularity().fit(snapshot), snapshot, n)
    lists = pa.Table.from_batches(batches, schema=score.RECOMMENDATIONS)
    for name, rows in (("recommendations", lists), ("similar_movies", score.similar_movies(snapshot, n))):
        con.execute(f"DELETE FROM scores.{name}")
        con.register("rows", rows)
        con.execute(f"INSERT INTO scores.{name} FROM rows")
        con.unregister("rows")
    con.execute("DELETE FROM scores.origin")
    con.execute(
        "INSERT INTO scores.origin (model_id, model, dataset, snapshot, input_fingerprint, top_n, generated_at) "
        "SELECT 'm-1', 'popularity', 'tiny', 's', input_fingerprint, ?, now()::TIMESTAMP FROM ops.dataset",
        [n],
    )
    con.execute("ATTACH ':memory:' AS published")
    publish.write_tables(con, "v", {})


def test_audits_of_more_users_than_a_row_group_end() -> None:
    con = core_of()
    publish_into_memory(con, 2)
    con.execute("DETACH published")
    for table in ("core.users", "scores.recommendations"):  # as many more like the user without ratings
        con.execute(
            f"INSERT INTO {table} BY NAME SELECT t.* REPLACE (3 + range AS user_id) "
            f"FROM (FROM {table} WHERE user_id = 3) AS t, range(1, {ROW_GROUP})"
        )
    con.execute("ATTACH ':memory:' AS published")
    publish.write_tables(con, "v", {})
    watch = Timer(60, con.interrupt)
    watch.start()
    publish.audit(con)
    watch.cancel()


SPOILS = [
    "DELETE FROM {t} WHERE {row}",
    "UPDATE {t} SET rank = rank + 1 WHERE {row}",
    "UPDATE {t} SET score = 'nan' WHERE {row}",
    "UPDATE {t} SET movie_id = 99 WHERE {row}",
    "UPDATE {t} SET model_id = 'm-2' WHERE {row}",
    "UPDATE {t} SET predicted_rating = 9 WHERE {row}",
    "INSERT INTO {t} FROM {t} WHERE {row}",
    "UPDATE {t} SET movie_id = r.movie_id FROM core.ratings AS r WHERE r.user_id = {t}.user_id AND {row}",
]
PAIRS = st.sets(st.tuples(st.integers(1, 3), st.sampled_from([10, 20, 30])), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(
    pairs=PAIRS, n=st.integers(1, 4), spoil=st.sampled_from(SPOILS), at=st.integers(0, 10**6), data=st.data()
)
def test_random_tables_pass_and_spoiled_ones_do_not(
    scratch: duckdb.DuckDBPyConnection,
    pairs: set[tuple[int, int]],
    n: int,
    spoil: str,
    at: int,
    data: st.DataObject,
) -> None:
    stars = st.sampled_from([1.0, 3.0, 5.0])
    ratings = [(user, movie, data.draw(stars), "2020-01-01") for user, movie in sorted(pairs)]
    publish_into_memory(fill_core(scratch, ratings=ratings), n)
    try:
        publish.audit(scratch)
        rows = scratch.execute("SELECT user_id, rank FROM published.recommendations ORDER BY ALL").fetchall()
        user, rank = rows[at % len(rows)]
        if spoil.startswith("UPDATE {t} SET movie_id = r.") and user not in {pair[0] for pair in pairs}:
            return  # has rated nothing, so nothing rated can be planted
        row = f"{{t}}.user_id = {user} AND {{t}}.rank = {rank}".format(t="recommendations")
        statement = spoil.format(t="published.recommendations", row=row)
        scratch.execute(statement.replace("published.recommendations.", "recommendations."))
        with pytest.raises(AuditFailed):
            publish.audit(scratch)
    finally:
        scratch.execute("DETACH published")
