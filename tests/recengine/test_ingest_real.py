"""Ingest on the two real releases at hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from ingest_frames import load, table, warehouse_in_memory

pytestmark = pytest.mark.real_data


def test_ml_100k(datasets: Path) -> None:
    con = warehouse_in_memory()
    report = load(con, datasets / "ml-100k", max_bad_share=0.0)
    assert (report.users, report.movies, report.ratings, report.quarantined) == (943, 1682, 100_000, 0)
    assert (report.repeated_ratings, report.superseded_ratings, report.users_without_attributes) == (0, 0, 0)
    assert report.layout == "ml-100k"
    lines = (datasets / "ml-100k" / "u.item").read_bytes().decode("latin-1").splitlines()
    titles = {int(line.split("|")[0]): line.split("|")[1].strip() for line in lines}
    assert dict(con.execute("SELECT movie_id, title FROM core.movies").fetchall()) == titles
    assert table(con, "movies")[0] == (1, "Toy Story (1995)", 1995, ["Animation", "Children's", "Comedy"])
    assert con.execute("SELECT sum(rating) FROM core.ratings").fetchone() == (352_986.0,)
    assert con.execute(
        "SELECT gender, age, occupation, zip, ratings FROM core.users WHERE user_id = 1"
    ).fetchall() == [("M", 24, "technician", "85711", 272)]
    assert sorted(table(con, "files")) == [("u.data", 100_000, 0), ("u.item", 1682, 0), ("u.user", 943, 0)]


def test_ml_latest_small(datasets: Path) -> None:
    con = warehouse_in_memory()
    report = load(con, datasets / "ml-latest-small", max_bad_share=0.0)
    assert (report.users, report.movies, report.ratings, report.quarantined) == (671, 9125, 100_004, 0)
    assert (report.layout, report.users_without_attributes) == ("csv", 671)
    assert table(con, "ratings")[0] == (1, 31, 2.5, 1260759144)
    assert table(con, "files") == [("movies.csv", 9125, 0), ("ratings.csv", 100_004, 0)]
    assert con.execute("SELECT title FROM core.movies WHERE movie_id = 11").fetchall() == [
        ("American President, The (1995)",)
    ]


def test_one_home_takes_one_after_the_other(datasets: Path) -> None:
    con = warehouse_in_memory()
    for name, ratings in (("ml-100k", 100_000), ("ml-latest-small", 100_004), ("ml-100k", 100_000)):
        assert load(con, datasets / name).ratings == ratings
        assert con.execute("SELECT dataset FROM ops.dataset").fetchall() == [(name,)]
        assert con.execute("SELECT count(*) FROM raw.ratings").fetchone() == (ratings,)
