"""Attributes and categories that a dataset.toml declares become columns of features, models and published tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine_homes import core_of, trained
from ingest_frames import warehouse_in_memory, write

from recengine import features, ingest, publish, score
from recengine.config import Home
from recengine.dataset import DECLARED, Snapshot
from recengine.knobs.stages import IngestConfig, ScoreConfig
from recengine.models import make
from recengine.movielens.layouts import recognise
from recengine.serving import queries as reading
from recengine.warehouse.connection import warehouse

TOML = """
[movies]
files = ["movies.csv"]
categories = ["director", "genre"]
[users]
files = ["users.csv"]
attributes = ["country", "gender_at_birth"]
[ratings]
files = ["ratings.csv"]
"""
HALF = 20  # users of either country, movies of either director


def shop() -> dict[str, str | bytes]:
    """Germans take the even movies, by Lang, Britons the odd ones, by Lean; a newcomer of each took nothing."""
    users = [(u, "DE" if u % 2 == 0 else "GB") for u in range(2 * HALF + 2)]
    taken = [(u, m) for u, _ in users[: 2 * HALF] for m in range(2 * HALF) if m % 2 == u % 2 and (u + m) % 3]
    return {
        "dataset.toml": TOML,
        "movies.csv": "movieId,title,genres,director,genre\n"
        + "".join(
            f"{m},Film {m} (1990),Drama,{'Lang' if m % 2 == 0 else 'Lean'},x\n" for m in range(2 * HALF)
        ),
        "users.csv": "userId,country,gender_at_birth\n" + "".join(f"{u},{c},F\n" for u, c in users),
        "ratings.csv": "userId,movieId,rating,timestamp\n"
        + "".join(f"{u},{m},{m % 5 + 1},{1000000000 + u}\n" for u, m in taken),
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    con = warehouse_in_memory()
    ingest.ingest(con, recognise(write(tmp_path_factory.mktemp("shop"), shop())), IngestConfig())
    return features.snapshot(con)


def test_declared_columns_are_features(built: Snapshot) -> None:
    assert built.user_columns == ("country=DE", "country=GB", "gender_at_birth=F")
    # A category called like a group of our own keeps apart from it.
    assert built.movie_columns == (
        *("category genre=x", "director=Lang", "director=Lean", "genre=Drama", "year", "year_bin=1988"),
    )
    assert built.user_group(DECLARED).shape[1] == 3
    assert built.movie_group(DECLARED).shape[1] == 3
    np.testing.assert_array_equal(built.user_group("country").toarray()[:4], [[1, 0], [0, 1], [1, 0], [0, 1]])
    np.testing.assert_array_equal(built.movie_group("director").toarray()[:2], [[1, 0], [0, 1]])
    assert built.genre_counts.shape[1] == 1


@pytest.mark.parametrize(
    ("name", "config"), [("ease", {}), ("hybrid", {"recency": "off", "stars": {"sweeps": 4}})]
)
def test_models_recommend_by_a_newcomers_country(
    built: Snapshot, name: str, config: dict[str, object]
) -> None:
    newcomers = np.array([2 * HALF, 2 * HALF + 1])
    _, best = make(name, **config).fit(built).best(built, newcomers, 5)
    np.testing.assert_array_equal(best.numpy() % 2, [[0] * 5, [1] * 5])


def test_without_declared_columns_the_groups_are_as_they_were() -> None:
    plain = features.snapshot(core_of())
    assert plain.user_group(DECLARED).shape[1] == plain.movie_group(DECLARED).shape[1] == 0
    both = plain.user_group("gender", "age_band", DECLARED)
    np.testing.assert_array_equal(both.toarray(), plain.user_group("gender", "age_band").toarray())


def test_a_column_of_free_text_keeps_its_most_common_values(tmp_path: Path) -> None:
    con = core_of(users=[(u, None, None, None, None) for u in range(1, 151)])
    con.execute(
        "UPDATE core.users SET attributes = MAP {'note': CASE WHEN user_id <= 8 THEN 'twice ' || user_id // 2 "
        "ELSE 'only ' || user_id END}"
    )
    found = features.snapshot(con)
    assert len(found.user_columns) == 100
    assert {"note=twice 1", "note=twice 2", "note=twice 3", "note=only 10"} <= set(found.user_columns)
    assert "note=only 99" not in found.user_columns  # the last of those that only one has, by their text


def test_names_of_our_own_groups_and_equal_signs_collide_with_nothing() -> None:
    con = core_of()
    con.execute(
        "UPDATE core.users SET attributes = MAP {'gender': 'X', 'a=b': 'c', 'zip': '9'} WHERE user_id = 1"
    )
    found = features.snapshot(con)
    assert {"a b=c", "attribute gender=X", "attribute zip=9", "gender=F", "gender=M"} <= set(
        found.user_columns
    )
    assert found.user_group("gender").shape[1] == 2
    assert found.user_group(DECLARED).shape[1] == 3


def test_readers_see_them(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with warehouse(home.warehouse) as con:
        ingest.ingest(con, recognise(write(tmp_path / "shop", shop())), IngestConfig())
        folder = features.build(con, home).folder
        model_id = trained(home, folder, "popularity")
        score.score(con, home, folder, model_id, ScoreConfig(top_n=2, similar_n=2))
        publish.publish(con, home, force=True)  # these movies are equally popular
    rows = reading.sql(
        home, "SELECT attributes['country'] AS c, count(*) AS n FROM users GROUP BY 1 ORDER BY 1"
    )
    assert rows.values.tolist() == [["DE", HALF + 1], ["GB", HALF + 1]]
    rows = reading.sql(
        home, "SELECT count(*) AS n FROM movies WHERE list_contains(categories['director'], 'Lang')"
    )
    assert rows.values.tolist() == [[HALF]]
