"""Ids that are text: one number each, everywhere the same, and readable again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ingest_frames import load, warehouse_in_memory, write

from recengine import features, publish, score
from recengine.config import Home
from recengine.errors import BadInput, BadSource
from recengine.knobs.stages import ScoreConfig
from recengine.serving import queries as reading
from recengine.warehouse.connection import warehouse

USERS = ["ann@shop.example", "bob", "7", "007", "Zoë Ä"]
BOB = int.from_bytes(hashlib.md5(b"bob").digest()[8:], "little") % 2**53
FILMS = [f"tt{i:07d}" for i in range(12)]


def files() -> dict[str, str | bytes]:
    rated = [(u, f, 1 + (i * j) % 5) for i, u in enumerate(USERS) for j, f in enumerate(FILMS) if (i + j) % 3]
    return {
        "ratings.csv": "user,item,rating,date\n"
        + "".join(f"{u},{f},{s},2020-01-0{s}\n" for u, f, s in rated),
        "movies.csv": "item,title\n" + "".join(f"{f},Film {f}\n" for f in FILMS),
        "users.csv": "id,age\n" + "".join(f"{u},{30 + i}\n" for i, u in enumerate(USERS)),
    }


def test_one_id_is_one_number_in_every_file_and_every_load(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    report = load(con, write(tmp_path / "f", files()), max_bad_share=0.0)
    assert (report.users, report.movies, report.ratings, report.users_without_attributes) == (5, 12, 40, 0)
    keys = dict(con.execute("SELECT user_key, user_id FROM core.users").fetchall())
    assert set(keys) == set(USERS)
    assert (keys["7"], keys["bob"]) == (7, BOB)
    assert all(0 <= number < 2**53 for number in keys.values())
    assert con.execute("SELECT title FROM core.movies WHERE movie_key = 'tt0000003'").fetchall() == [
        ("Film tt0000003",)
    ]
    # a night's file in which all ids look like numbers, and one without movies
    more = files() | {"ratings-2.csv": "user,item,rating,date\n7,tt0000000,5,2021-01-01\n"}
    del more["movies.csv"]
    load(con, write(tmp_path / "f", more), max_bad_share=0.0)
    assert dict(con.execute("SELECT user_key, user_id FROM core.users").fetchall()) == keys
    assert con.execute("SELECT title FROM core.movies ORDER BY 1 LIMIT 1").fetchall() == [("tt0000000",)]


def test_a_text_among_numbers_is_a_bad_line_still(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    for users in ((1, 2, "x"), ("x", "y", "x")):  # a few say nothing
        rows = "".join(f"{user},{movie},5,2021-01-01\n" for movie, user in enumerate((*users, 4, 5, 6)))
        report = load(con, write(tmp_path / "f", {"ratings.csv": "user,item,rating,date\n" + rows}))
        assert report.quarantined_by_reason == {"unparsable": len([u for u in users if isinstance(u, str)])}


def test_two_ids_with_one_number_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from recengine.warehouse import sqlfiles

    whole = sqlfiles.load
    short = lambda name, **given: whole(name, **given).replace("% 9007199254740992", "% 3")  # noqa: E731
    monkeypatch.setattr(sqlfiles, "load", short)
    with pytest.raises(BadSource, match=r"the user ids '007' and .* would be one number"):
        load(warehouse_in_memory(), write(tmp_path / "f", files()))


def test_a_user_is_asked_for_by_its_text(tmp_path: Path) -> None:
    import engine_homes

    home = Home.at(tmp_path / "home")
    with pytest.raises(BadInput, match="'bob' is not known"):
        reading.top(home, "bob")
    with warehouse(home.warehouse) as con:
        load(con, write(tmp_path / "f", files()))
        folder = features.build(con, home).folder
    model_id = engine_homes.trained(home, folder)
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, model_id, ScoreConfig(top_n=3, similar_n=2))
        publish.publish(con, home)
    assert set(reading.top(home, "bob")["source"]) == {"recommendations"}
    assert reading.top(home, " bob ").equals(reading.top(home, BOB))
    assert set(reading.top(home, "carl")["source"]) == {"popular_movies"}
    assert list(reading.sql(home, "SELECT user_key FROM users ORDER BY 1")["user_key"]) == sorted(USERS)
    assert (
        reading.sql(home, "SELECT movie_key FROM movies WHERE title LIKE '%7'")["movie_key"][0] == "tt0000007"
    )
