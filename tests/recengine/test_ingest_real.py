"""Ingest on the two real releases at hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_homes import trained
from ingest_frames import load, table, warehouse_in_memory

from recengine import features, ingest, publish, score
from recengine.config import Home
from recengine.evaluation.runner import EvaluateConfig, evaluate
from recengine.knobs.stages import IngestConfig, ScoreConfig
from recengine.movielens.layouts import recognise
from recengine.serving import queries as reading
from recengine.warehouse.connection import warehouse

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


def test_movietweetings(datasets: Path) -> None:
    con = warehouse_in_memory()
    report = load(con, datasets / "movietweetings-100k", max_bad_share=0.0)
    assert (report.users, report.movies, report.ratings, report.quarantined) == (16_554, 10_506, 100_000, 0)
    assert (report.layout, report.users_without_attributes) == ("ml-1m", 16_554)
    assert report.scale_evidence == "scale 0-10 in steps of 1: 100,000 ratings, all whole, from 0 to 10"
    assert con.execute("SELECT scale_low, scale_high FROM ops.dataset").fetchall() == [(0, 10)]
    assert con.execute("SELECT count(*) FROM core.ratings WHERE rating = 0").fetchall() == [(12,)]
    assert table(con, "ratings")[0] == (1, 1_074_638, 7.0, 1_365_029_107)  # ids with leading zeros
    built = features.snapshot(con)
    assert (built.scale, built.liked_from, built.user_columns) == ((0, 10), 5, ())


@pytest.mark.slow
def test_movietweetings_published_and_evaluated(datasets: Path, tmp_path: Path) -> None:
    """The closed form over 10,506 movies takes minutes."""
    home, source = Home.at(tmp_path / "home"), datasets / "movietweetings-100k"
    with warehouse(home.warehouse) as con:
        ingest.ingest(con, recognise(source), IngestConfig())
        folder = features.build(con, home).folder
        score.score(con, home, folder, trained(home, folder, "ease"), ScoreConfig())
        publish.publish(con, home)
    found = reading.sql(
        home, "SELECT min(predicted_rating) AS low, max(predicted_rating) AS high FROM recommendations"
    )
    assert 0 <= found["low"][0] < 5 < found["high"][0] <= 10
    metrics = evaluate(home, EvaluateConfig(source=source, model="ease", draws=100)).metrics
    assert metrics["rmse"] < 2.2
    assert metrics["ndcg@10"] > 0.04


def test_one_home_takes_one_after_the_other(datasets: Path) -> None:
    con = warehouse_in_memory()
    for name, ratings in (("ml-100k", 100_000), ("ml-latest-small", 100_004), ("ml-100k", 100_000)):
        assert load(con, datasets / name).ratings == ratings
        assert con.execute("SELECT dataset FROM ops.dataset").fetchall() == [(name,)]
        assert con.execute("SELECT count(*) FROM raw.ratings").fetchone() == (ratings,)
