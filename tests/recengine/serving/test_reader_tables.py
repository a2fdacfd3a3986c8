"""What readers see beside the lists: what was rated, what changed, shares of the best score, what was published."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from engine_homes import copy_of, published, scored

from recengine import publish
from recengine.config import Home
from recengine.knobs.stages import PublishConfig
from recengine.serving.queries import sql
from recengine.upkeep import forget
from recengine.warehouse.connection import warehouse


@pytest.fixture(scope="module")
def changed(scored_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two versions: in the second, user 1 has another movie at rank 3, the old rank 3 gone."""
    home = copy_of(scored_home, tmp_path_factory.mktemp("changed") / "home")
    published(home)
    with warehouse(home.warehouse) as con:
        con.execute(
            "UPDATE scores.recommendations SET movie_id = (SELECT min(movie_id) FROM core.movies "
            "ANTI JOIN (SELECT movie_id FROM scores.recommendations WHERE user_id = 1 UNION ALL "
            "SELECT movie_id FROM core.ratings WHERE user_id = 1) USING (movie_id)) WHERE user_id = 1 AND rank = 3"
        )
        publish.publish(con, home, reason="a test said so")
    return home


def test_a_list_gains_and_loses(changed: Home) -> None:
    rows = sql(changed, "SELECT user_id, change, rank_before, rank, title FROM changes_detailed")
    assert rows[["user_id", "change"]].values.tolist() == [[1, "gained"], [1, "lost"]]
    assert rows["rank"].fillna(0).tolist() == [3, 0]
    assert rows["rank_before"].fillna(0).tolist() == [0, 3]
    assert rows["title"].notna().all()
    before = sql(changed, "SELECT previous_version FROM publication")["previous_version"][0]
    assert [before] == sql(changed, "SELECT version FROM publications")["version"].tolist()[:1]


def test_the_first_version_of_a_dataset_changes_nothing(published_home: Home, changed: Home) -> None:
    about = sql(
        published_home, "SELECT previous_version, (SELECT count(*) FROM changes) AS n FROM publication"
    )
    assert about["previous_version"].isna().all()
    assert about["n"].tolist() == [0]


def test_another_dataset_is_not_compared_with(
    published_home: Home, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = copy_of(published_home, tmp_path_factory.mktemp("other") / "home")
    with warehouse(home.warehouse) as con:
        con.execute("UPDATE scores.origin SET dataset = 'other'")
        publish.publish(con, home, force=True)
    assert sql(home, "SELECT previous_version FROM publication")["previous_version"].isna().all()


def test_ratings_are_the_newest_of_each_user_and_movie(changed: Home) -> None:
    with warehouse(changed.warehouse) as con:
        core = con.execute(
            "SELECT user_id, movie_id, rating, rated_at FROM core.ratings ORDER BY ALL"
        ).fetchall()
    rows = sql(
        changed, "SELECT user_id, movie_id, rating, rated_at, title FROM ratings_detailed ORDER BY ALL"
    )
    seen = [
        (user, movie, stars, at.to_pydatetime()) for user, movie, stars, at, _ in rows.itertuples(index=False)
    ]
    assert seen == [(*row[:3], row[3].replace(tzinfo=UTC)) for row in core]
    assert len(seen) > 900


def test_undated_ratings_have_no_time_and_not_1970(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    folder = home.sources / "generated"
    folder.mkdir(parents=True)
    rated = [f"{user},{movie},{1 + user % 5}" for user in range(1, 30) for movie in range(user, user + 20)]
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,rating", *rated]), encoding="utf-8")
    titles = [f"{movie},Film {movie} (1990),Drama" for movie in range(1, 60)]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *titles]), encoding="utf-8")
    scored(home)
    published(home)
    told = sql(home, "SELECT count(*) AS n, count(rated_at) AS dated FROM ratings")
    assert told.to_dict("records") == [{"n": len(rated), "dated": 0}]
    told = sql(home, "SELECT count(*) AS n, count(first_rated_at) + count(last_rated_at) AS dated FROM users")
    assert told.to_dict("records") == [{"n": 29, "dated": 0}]


def test_ratings_may_be_left_out(home: Home) -> None:
    with warehouse(home.warehouse) as con:
        publish.publish(con, home, PublishConfig(ratings=False))
    assert sql(home, "SELECT count(*) AS n FROM ratings_detailed")["n"].tolist() == [0]


def test_relevance_is_the_share_of_the_best(changed: Home) -> None:
    rows = sql(changed, "SELECT user_id, rank, score, relevance FROM recommendations ORDER BY user_id, rank")
    best = rows.groupby("user_id")["score"].transform("first")
    assert (rows["relevance"] - rows["score"] / best).abs().max() < 1e-6
    assert rows.loc[rows["rank"] == 1, "relevance"].eq(1).all()
    assert rows["relevance"].nunique() > 5


def test_relevance_below_and_without_zero(home: Home) -> None:
    with warehouse(home.warehouse) as con:
        con.execute("UPDATE scores.origin SET reasons = 'off'")
        con.execute("DELETE FROM scores.reasons")
        con.execute("UPDATE scores.recommendations SET score = 2 - rank WHERE user_id = 1")
        con.execute("UPDATE scores.recommendations SET score = -rank WHERE user_id = 2")
        publish.publish(con, home)
    rows = sql(home, "SELECT relevance FROM recommendations WHERE user_id <= 2 ORDER BY user_id, rank")
    assert rows["relevance"].fillna(-1).tolist() == [1, 0, 0, 0, 0, *[-1] * 5]


def test_publications_end_with_this_one(changed: Home) -> None:
    publish_log = sql(changed, "FROM publications")
    assert publish_log["action"].tolist() == ["published", "published"]
    assert publish_log["reason"].tolist()[1] == "a test said so"
    [version] = sql(changed, "SELECT version FROM publication")["version"]
    assert publish_log["version"].tolist()[1] == version
    assert (datetime.now(UTC) - publish_log["happened_at"].iloc[1]).total_seconds() < 600


def test_forgotten_users_leave_all_of_them(changed: Home, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = copy_of(changed, tmp_path_factory.mktemp("forgotten") / "home")
    others = sql(home, "SELECT count(*) AS n FROM ratings WHERE user_id <> 1")["n"].tolist()
    forget.forget(home, [1])
    for table in (
        "users",
        "ratings",
        "ratings_detailed",
        "recommendations",
        "recommendations_by_genre",
        "changes",
    ):
        assert sql(home, f"SELECT count(*) AS n FROM {table} WHERE user_id = 1")["n"].tolist() == [0], table
    assert sql(home, "SELECT count(*) AS n FROM ratings")["n"].tolist() == others
