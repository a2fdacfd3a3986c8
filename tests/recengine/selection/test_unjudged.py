"""Data that is hard to judge or cannot be judged ends no night, and the reason says so."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from engine_homes import trained

from recengine import features, ingest, publish, score, train
from recengine.config import Home
from recengine.knobs.stages import GateConfig, IngestConfig, ScoreConfig, TrainConfig
from recengine.models import store
from recengine.movielens.layouts import recognise
from recengine.selection import candidates as selection
from recengine.selection import verdict
from recengine.warehouse.connection import warehouse

POPULARITY, EASE = TrainConfig(model="popularity"), TrainConfig(model="ease")
ONE_EACH = [(user, 1 + user % 7, 4.0, f"2020-01-{1 + user % 28:02}") for user in range(1, 80)]
TWO_EACH = ONE_EACH + [(user, 8 + user % 7, 3.0, "2021-01-01") for user in range(1, 80)]
UNDATED = [
    (user, movie, 3.0, "2020-01-01") for user in range(1, 80) for movie in range(1, 15) if (user * movie) % 5
]
IMPORTED = [row if (row[0] + row[1]) % 20 else (*row[:3], "2021-05-05") for row in UNDATED]
ALL_BUT_ONE = [*ONE_EACH, (1, 14, 5.0, "2020-02-01")]


def filled(home: Home, ratings: list[tuple[int, int, float, str]]) -> Path:
    """Make the home's data say what is given; returns its snapshot."""
    source = home.sources / "given"
    source.mkdir(parents=True, exist_ok=True)
    lines = ["userId,movieId,rating,timestamp"]
    for user, movie, stars, day in ratings:
        lines.append(f"{user},{movie},{stars},{datetime.fromisoformat(day + '+00:00').timestamp():.0f}")
    (source / "ratings.csv").write_text("\n".join(lines) + "\n")
    movies = (f"{movie},Movie {movie} (1990),Drama\n" for movie in range(1, 16))
    (source / "movies.csv").write_text("movieId,title,genres\n" + "".join(movies))
    with warehouse(home.warehouse) as con:
        ingest.ingest(con, recognise(source), IngestConfig())
        return features.build(con, home).folder


@pytest.fixture
def fresh(tmp_path: Path) -> Home:
    """A home in which nothing is."""
    return Home.at(tmp_path / "fresh")


def night(home: Home, folder: Path, config: TrainConfig, *, force: bool = False) -> train.TrainReport:
    """Train, and publish what was trained."""
    done = train.train(home, folder, config, force=force)
    if done.model_id:
        with warehouse(home.warehouse) as con:
            score.score(con, home, folder, done.model_id, ScoreConfig(top_n=3, similar_n=3))
            publish.publish(con, home, force=True)
    return done


@pytest.mark.parametrize(
    ("ratings", "said"),
    [
        (ONE_EACH, "could be judged on nothing, as no user has two ratings"),
        (TWO_EACH, "79 users"),
        (UNDATED, "judged on one rating of each user, drawn by the seed, as there are no dates"),
        (
            IMPORTED,
            "the newest 20% of all ratings, drawn by the seed within the one moment that too many have",
        ),
        (ALL_BUT_ONE, "on 1 user, 50 needed to tell"),
        (ONE_EACH[:1], "no user has two ratings"),
    ],
)
@pytest.mark.parametrize(("config", "force"), [(POPULARITY, False), (EASE, False), (EASE, True)])
def test_a_night_ends_published_and_says_on_what_it_was_judged(
    fresh: Home, ratings: list[tuple[int, int, float, str]], said: str, config: TrainConfig, force: bool
) -> None:
    done = train.train(fresh, filled(fresh, ratings), config, force=force)
    assert done.model_id is not None
    assert said.partition(", 50")[0] in done.selection.reason or config is POPULARITY
    if force:
        assert done.selection.recipe.model == "ease"
    if done.selection.unjudged and not force:
        assert done.selection.recipe.model == "popularity"
        assert done.selection.figures == {}


@pytest.mark.slow
def test_the_incumbent_stays_where_nothing_can_be_judged(fresh: Home) -> None:
    folder = filled(fresh, TWO_EACH)
    assert night(fresh, folder, EASE, force=True).selection.recipe.model == "ease"
    folder = filled(fresh, ONE_EACH)
    for config in (EASE, TrainConfig(model="sae")):
        found = night(fresh, folder, config).selection
        assert (found.action, found.recipe.model) == ("publish", "ease")
        assert "The champion's recipe, ease, goes on instead." in found.reason
    found = night(fresh, folder, POPULARITY).selection  # asked for by name
    assert found.recipe.model == "popularity"
    found = night(fresh, folder, EASE).selection
    assert (found.recipe.model, found.action) == ("popularity", "publish")


def test_a_champion_of_an_earlier_release_with_other_knobs_passes_a_night(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    model_id = trained(home, folder, "ease", ridge=300.0)
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, model_id, ScoreConfig(top_n=5, similar_n=3))
        publish.publish(con, home, force=True)
    path = home.models / model_id / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["config"] |= {"bygone": 3}
    path.write_text(json.dumps(manifest))
    done = train.train(home, folder, TrainConfig(model="ease", gate=GateConfig(min_users=10)))
    assert set(done.judgements) == {"challenger", "champion", "popularity"}
    assert "is read without bygone, which this version does not know" in done.selection.reason
    assert done.model_id is not None
    assert "bygone" not in store.manifest_of(home, done.model_id).config

    manifest["model"] = "forgotten"
    path.write_text(json.dumps(manifest))
    done = train.train(home, folder, TrainConfig(model="ease"))
    assert set(done.judgements) == {"challenger", "popularity"}
    assert "The champion's model 'forgotten' is unknown to this version" in done.selection.reason
    assert done.model_id is not None


def test_figures_say_when_and_on_what_they_were_measured(fresh: Home) -> None:
    done = train.train(fresh, filled(fresh, UNDATED), EASE)
    manifest = store.manifest_of(fresh, str(done.model_id))
    figures = manifest.figures
    assert figures["measured_users"] == 64
    assert figures["measured_on"] == "one rating of each user, drawn by the seed, as there are no dates"
    assert (figures["measured_model"], figures["measured_snapshot"]) == ("ease", manifest.snapshot)
    assert figures["measured_at"] == f"{manifest.trained_at:%Y-%m-%d}"
    earlier = manifest.model_copy(update={"measured": None})
    assert earlier.figures == manifest.metrics
    assert np.isfinite(figures["ndcg@10"])


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("of_each_user", [True, False])
def test_three_quarters_of_ml_100k_are_no_toss(
    datasets: Path, fresh: Home, seed: int, of_each_user: bool
) -> None:
    source, rng = fresh.sources / "part", np.random.default_rng(seed)
    shutil.copytree(datasets / "ml-100k", source, ignore=shutil.ignore_patterns("u?.*", "ua.*", "ub.*"))
    lines = (source / "u.data").read_text().splitlines()
    users, drawn = np.array([int(line.split()[0]) for line in lines]), rng.random(len(lines))
    shown = np.array([np.quantile(drawn[users == user], 0.75) for user in range(users.max() + 1) if user])
    kept = drawn <= (shown[users - 1] if of_each_user else 0.75)
    (source / "u.data").write_text(
        "".join(f"{line}\n" for line, keep in zip(lines, kept, strict=True) if keep)
    )
    with warehouse(fresh.warehouse) as con:
        ingest.ingest(con, recognise(source), IngestConfig())
        folder = features.build(con, fresh).folder
    config = TrainConfig(recency="off", seed=seed)
    judged = {
        name: selection.judge(fresh, folder, recipe, config)
        for name, recipe in selection.candidates(fresh, folder, config).items()
    }
    found = verdict.select(judged, config)
    assert (found.action, found.recipe.model) == ("publish", "hybrid")
    assert "a tie" in found.reason or "against popularity +" in found.reason
