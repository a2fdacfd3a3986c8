"""The generated data has the published shape, honest layouts, and something to learn."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from recengine.errors import BadInput
from recengine.synthetic import race
from recengine.synthetic.generator import DEMO, Generated, GeneratorConfig, Simulation, generate, simulate
from recengine.synthetic.population import GENRES, WOMEN_LIKE
from recengine.synthetic.race import Race
from recengine.synthetic.sampling import popularity_targets, rating_counts
from recengine.synthetic.visits import PERIODS, Visits

SMALL = {"users": 120, "movies": 300, "ratings": 6_000}
DAY = 86_400


@pytest.fixture(scope="module")
def demo() -> Simulation:
    return simulate(DEMO)


def raters(data: Simulation) -> np.ndarray:
    """User index of every rating."""
    return np.repeat(np.arange(len(data.users.age)), np.diff(data.ratings.offsets))


def implicit(data: Simulation, keep: np.ndarray) -> np.ndarray:
    """Users x movies, 1 where a kept rating is."""
    matrix = np.zeros((len(data.users.age), len(data.movies.year)), dtype=np.float32)
    matrix[raters(data)[keep], data.ratings.movie[keep]] = 1
    return matrix


def ndcg_at_10(scores: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Mean over the users with test ratings; seen movies are left out."""
    top = np.argsort(-np.where(train > 0, -np.inf, scores), axis=1)[:, :10]
    discount = 1 / np.log2(np.arange(10) + 2)
    gained = (np.take_along_axis(test, top, axis=1) * discount).sum(axis=1)
    held_out = test.sum(axis=1).astype(int)
    best = np.cumsum(discount)[np.minimum(held_out, 10) - 1]
    return float((gained / best)[held_out > 0].mean())


def ease(train: np.ndarray, penalty: float) -> np.ndarray:
    """Ridge item-item scores (Steck 2019)."""
    inverse = np.linalg.inv(train.T @ train + penalty * np.eye(train.shape[1], dtype=np.float32))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return train @ weights


@pytest.mark.parametrize(
    ("users", "movies", "ratings"),
    [
        (1_000, 1_700, 100_000),
        (1, 1, 1),
        (100, 50, 5_000),
        (300, 10, 300),
        (200, 6_000, 4_000),
        (5, 9_000, 30_000),
    ],
)
def test_exact_number_of_distinct_pairs_none_before_release(users: int, movies: int, ratings: int) -> None:
    data = simulate(GeneratorConfig(layout="csv", users=users, movies=movies, ratings=ratings, seed=1))
    user, movie = raters(data), data.ratings.movie
    assert len(movie) == ratings
    assert np.diff(data.ratings.offsets).min() >= 1
    assert (np.diff(user * movies + movie) > 0).all()  # distinct, in order
    assert movie.min() >= 0
    assert movie.max() < movies
    assert (data.ratings.rated_at // DAY > data.movies.released[movie].astype(np.int64)).all()


def test_ratings_per_user_follow_ml100k(demo: Simulation) -> None:
    counts = np.diff(demo.ratings.offsets)
    assert counts.min() == 20
    assert 50 <= np.median(counts) <= 75  # 65
    assert 600 <= counts.max() <= 0.55 * 1_700  # 737


def test_ratings_per_movie_follow_ml100k(demo: Simulation) -> None:
    counts = np.sort(np.bincount(demo.ratings.movie, minlength=1_700))[::-1]
    assert counts.min() >= 1
    assert 450 <= counts[0] <= 650  # 583 of 943 users
    for share, expected in ((0.01, 0.073), (0.1, 0.427), (0.2, 0.646), (0.5, 0.927)):
        assert counts[: int(share * 1_700)].sum() / counts.sum() == pytest.approx(expected, abs=0.04)


def test_shape_follows_ml25m_at_its_size() -> None:
    rng = np.random.default_rng(0)
    per_user = rating_counts(162_541, 59_047, 25_000_095, rng)
    assert per_user.sum() == 25_000_095
    assert per_user.min() == 20
    assert 60 <= np.median(per_user) <= 80  # 71
    assert 10_000 <= per_user.max() <= 35_000  # 32,202
    per_movie = popularity_targets(162_541, 59_047, 25_000_095)
    assert 75_000 <= per_movie[0] <= 95_000  # 81,491
    assert per_movie[:20_000].sum() / per_movie.sum() > 0.94
    assert per_movie.min() >= 0.9


def test_ratings_per_movie_follow_the_curve_past_the_head() -> None:
    users, movies, ratings = (
        3_000,
        9_000,
        300_000,
    )  # more movies than the head, more users than the fit's sample
    data = simulate(GeneratorConfig(layout="csv", users=users, movies=movies, ratings=ratings, seed=2))
    counts = np.sort(np.bincount(data.ratings.movie, minlength=movies))[::-1]
    wanted = popularity_targets(users, movies, ratings)
    for first, last in ((0, 100), (100, 1_000), (1_000, 3_500), (3_500, 5_500)):
        assert counts[first:last].sum() == pytest.approx(wanted[first:last].sum(), rel=0.15)


def test_fewer_than_twenty_ratings_each_only_where_the_total_forces_it() -> None:
    rng = np.random.default_rng(0)
    assert rating_counts(100, 500, 2_000, rng).min() == 20
    assert 5 <= rating_counts(100, 500, 1_999, rng).min() < 20


def test_head_and_tail_race_picks_like_the_plain_race(monkeypatch: pytest.MonkeyPatch) -> None:
    users, movies, places = 4_000, 400, 12
    rng = np.random.default_rng(7)
    visits = Visits(
        period=np.tile(rng.integers(0, PERIODS, (1, 12)), (users, 1)),
        starts_at=np.zeros((users, 12), dtype=np.int64),
        share=np.full((users, 12), 1 / 12, dtype=np.float32),
    )
    watched = (rng.random((PERIODS, movies)) / np.arange(1, movies + 1)).astype(np.float32)
    user_taste = np.tile(rng.normal(0, 0.5, (1, 4)), (users, 1)).astype(np.float32)  # everybody alike
    movie_taste = rng.normal(0, 0.5, (4, movies)).astype(np.float32)

    def times_picked(seed: int) -> np.ndarray:
        one = Race.of(user_taste, movie_taste, np.full(users, places), visits, watched)
        picked = one.winners(np.arange(users), np.random.default_rng(seed))
        assert (np.diff(picked.reshape(users, places), axis=1) > 0).all()
        return np.bincount(picked, minlength=movies)

    plain = times_picked(1)  # the head holds all 400
    monkeypatch.setattr(race, "HEAD", 60)
    split = times_picked(2)
    deviation = (plain - split) / np.sqrt(np.maximum(plain + split, 1))  # about standard normal
    assert split[60:].sum() > 0.1 * split.sum()
    assert np.abs(deviation).max() < 4.5
    assert 0.7 < deviation.std() < 1.2


def test_women_and_men_watch_what_they_like(demo: Simulation) -> None:
    female = demo.users.female[raters(demo)]
    genres = demo.movies.genres[demo.ratings.movie]
    ratio = genres[female].mean(axis=0) / genres[~female].mean(axis=0)
    liked = np.array([WOMEN_LIKE.get(genre, 0.0) for genre in GENRES])
    assert np.corrcoef(np.log(ratio), liked)[0, 1] > 0.6
    assert ratio[GENRES.index("Romance")] > 1.08
    assert ratio[GENRES.index("Action")] < 0.92


def test_the_old_watch_older_movies_and_programmers_science_fiction(demo: Simulation) -> None:
    user, movie = raters(demo), demo.ratings.movie
    age = demo.users.age[user]
    assert demo.movies.year[movie][age >= 50].mean() < demo.movies.year[movie][age < 25].mean() - 1
    fiction = demo.movies.genres[movie, GENRES.index("Sci-Fi")]
    programmer = demo.users.occupation[user] == 14
    assert fiction[programmer].mean() > 1.2 * fiction[~programmer].mean()


def test_taste_can_be_learned(demo: Simulation) -> None:
    held_out = np.random.default_rng(0).random(len(demo.ratings.movie)) < 0.25
    train, test = implicit(demo, ~held_out), implicit(demo, held_out)
    popular = ndcg_at_10(np.broadcast_to(train.sum(axis=0), train.shape), train, test)
    assert 0.17 < popular < 0.30  # .25 in ml-100k
    assert ndcg_at_10(ease(train, 300.0), train, test) > 1.6 * popular


def test_recent_popularity_beats_all_time_popularity(demo: Simulation) -> None:
    rated_at = demo.ratings.rated_at
    cut = np.quantile(rated_at, 0.8)
    train, test = implicit(demo, rated_at <= cut), implicit(demo, rated_at > cut)
    recent = implicit(demo, (rated_at <= cut) & (rated_at > cut - 30 * DAY))
    all_time = ndcg_at_10(np.broadcast_to(train.sum(axis=0), train.shape), train, test)
    assert ndcg_at_10(np.broadcast_to(recent.sum(axis=0), train.shape), train, test) > 1.05 * all_time


def test_stars_have_biases_and_taste(demo: Simulation) -> None:
    user, movie, stars = raters(demo), demo.ratings.movie, demo.ratings.half_stars / 2
    assert stars.mean() == pytest.approx(3.53, abs=0.06)
    assert stars.std() == pytest.approx(1.126, abs=0.06)
    of_movie, of_user = np.zeros(1_700), np.zeros(1_000)
    for _ in range(5):
        left = stars - stars.mean() - of_user[user]
        of_movie = np.bincount(movie, left, 1_700) / (np.bincount(movie, minlength=1_700) + 4)
        left = stars - stars.mean() - of_movie[movie]
        of_user = np.bincount(user, left, 1_000) / (np.bincount(user, minlength=1_000) + 8)
    error = stars - stars.mean() - of_movie[movie] - of_user[user]
    assert error.std() == pytest.approx(0.92, abs=0.05)  # in sample; ml-100k: .92
    match = np.einsum("rk,kr->r", demo.users.taste[user], demo.movies.taste[:, movie])
    assert np.corrcoef(match, error)[0, 1] > 0.3


def test_sessions_are_short_and_half_the_users_return(demo: Simulation) -> None:
    starts = demo.ratings.offsets[:-1]
    stay = np.maximum.reduceat(demo.ratings.rated_at, starts) - np.minimum.reduceat(
        demo.ratings.rated_at, starts
    )
    assert 0.3 < (stay < 2 * 3_600).mean() < 0.7
    assert (stay > 30 * DAY).mean() > 0.2
    assert np.datetime64(int(demo.ratings.rated_at.max()), "s").astype("datetime64[D]") == np.datetime64(
        "2026-06-30"
    )


@pytest.mark.parametrize("layout", ["csv", "ml-10m"])
def test_half_stars_where_the_layout_has_them(layout: str) -> None:
    data = simulate(GeneratorConfig(layout=layout, **SMALL))
    assert set(data.ratings.half_stars) == set(range(1, 11))
    assert (data.ratings.half_stars % 2 == 0).mean() > 0.6  # most people give whole stars


def test_titles_are_unique_latin1_and_of_every_style() -> None:
    titles = simulate(GeneratorConfig(layout="csv", users=50, movies=8_000, ratings=20_000)).titles
    assert len(set(titles)) == 8_000
    text = "\n".join(titles)
    text.encode("latin-1")
    for sign in (", The (", '"', "é", "ü", " II ("):
        assert sign in text
    assert all(title.endswith(")") and title[-6] == "(" and title[-5:-1].isdigit() for title in titles)


def write(folder: Path, layout: str, **options: object) -> Generated:
    return generate(folder, GeneratorConfig.model_validate({"layout": layout, **SMALL, **options}))


def fields(path: Path, separator: str, encoding: str = "utf-8") -> list[list[str]]:
    return [line.split(separator) for line in path.read_text(encoding).splitlines()]


def test_ml100k_files(tmp_path: Path) -> None:
    write(tmp_path / "out", "ml-100k")
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"u.data", "u.item", "u.user", "u.genre", "u.occupation", "u.info"}
    data = np.loadtxt(tmp_path / "out/u.data", dtype=np.int64, delimiter="\t")
    assert data.shape == (6_000, 4)
    assert (data.min(axis=0)[:3] == 1).all()
    assert (data.max(axis=0)[:3] == [120, 300, 5]).all()
    assert (np.diff(data[:, 0]) < 0).any()  # in no order
    items = fields(tmp_path / "out/u.item", "|", "latin-1")
    assert [len(item) for item in items] == [24] * 300
    assert all(item[2][-4:] == item[1][-5:-1] for item in items)  # dd-Mon-yyyy, Title (yyyy)
    assert all(set(item[5:]) <= {"0", "1"} for item in items)
    people = fields(tmp_path / "out/u.user", "|")
    names = {name for (name,) in fields(tmp_path / "out/u.occupation", "|")}
    assert len(people) == 120
    assert all(gender in "MF" and job in names and len(code) == 5 for _, _, gender, job, code in people)
    assert (tmp_path / "out/u.info").read_text() == "120 users\n300 items\n6000 ratings\n"
    assert (tmp_path / "out/u.genre").read_text().startswith("unknown|0\nAction|1\n")


def test_ml1m_files(tmp_path: Path) -> None:
    write(tmp_path / "out", "ml-1m")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"ratings.dat", "users.dat", "movies.dat"}
    ratings = np.array(fields(tmp_path / "out/ratings.dat", "::"), dtype=np.int64)
    movies = fields(tmp_path / "out/movies.dat", "::", "latin-1")
    users = fields(tmp_path / "out/users.dat", "::")
    assert ratings.shape == (6_000, 4)
    assert set(ratings[:, 2]) == {1, 2, 3, 4, 5}
    assert set(ratings[:, 1]) <= {int(movie[0]) for movie in movies}
    assert {genre for movie in movies for genre in movie[2].split("|")} <= set(GENRES)
    assert {user[2] for user in users} <= {"1", "18", "25", "35", "45", "50", "56"}
    assert {int(user[3]) for user in users} <= set(range(21))
    assert {user[1] for user in users} == {"M", "F"}


def test_ml10m_files(tmp_path: Path) -> None:
    write(tmp_path / "out", "ml-10m")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"ratings.dat", "movies.dat"}
    ratings = fields(tmp_path / "out/ratings.dat", "::")
    assert len(ratings) == 6_000
    assert {row[2] for row in ratings} == {"0.5", "1", "1.5", "2", "2.5", "3", "3.5", "4", "4.5", "5"}
    assert [len(movie) for movie in fields(tmp_path / "out/movies.dat", "::")] == [3] * 300


@pytest.mark.parametrize("demographics", [False, True])
def test_csv_files(tmp_path: Path, demographics: bool) -> None:
    write(tmp_path / "out", "ml-25m", demographics=demographics, movies=900)
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"ratings.csv", "movies.csv"} | ({"users.csv"} if demographics else set())
    with (tmp_path / "out/movies.csv").open(encoding="utf-8", newline="") as file:
        movies = list(csv.DictReader(file))
    assert list(movies[0]) == ["movieId", "title", "genres"]
    assert len(movies) == 900
    assert any("," in movie["title"] for movie in movies)
    assert any('"' in movie["title"] for movie in movies)
    assert any(movie["genres"] == "(no genres listed)" for movie in movies)
    ids = np.array([int(movie["movieId"]) for movie in movies])
    assert np.diff(ids).max() > 1  # sparse
    lines = (tmp_path / "out/ratings.csv").read_text().splitlines()
    assert lines[0] == "userId,movieId,rating,timestamp"
    rows = np.array([line.split(",") for line in lines[1:]], dtype=float)
    assert len(rows) == 6_000
    assert (np.lexsort((rows[:, 1], rows[:, 0])) == np.arange(6_000)).all()
    assert np.isin(rows[:, 1], ids).all()
    if demographics:
        people = fields(tmp_path / "out/users.csv", ",")
        assert people[0] == ["userId", "gender", "age", "occupation"]
        assert len(people) == 121


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize("layout", ["ml-100k", "csv"])
def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path: Path, layout: str) -> None:
    for name, seed in (("one", 4), ("again", 4), ("other", 5)):
        write(tmp_path / name, layout, seed=seed)
    assert digest(tmp_path / "one") == digest(tmp_path / "again")
    ratings = "u.data" if layout == "ml-100k" else "ratings.csv"
    assert digest(tmp_path / "one")[ratings] != digest(tmp_path / "other")[ratings]


def test_progress_reaches_the_end_of_every_step(tmp_path: Path) -> None:
    last: dict[str, tuple[int, int]] = {}
    config = GeneratorConfig(layout="csv", **SMALL)
    made = generate(tmp_path / "out", config, lambda what, done, total: last.update({what: (done, total)}))
    assert set(last) == {"fit popularity", "pick movies", "rate", "write ratings"}
    assert all(done == total for done, total in last.values())
    assert made.config == config
    assert made.min_ratings_per_user == 20


def test_a_full_folder_is_refused_an_empty_one_is_used(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", "csv")
    before = digest(tmp_path / "empty")
    with pytest.raises(BadInput, match="already holds something"):
        write(tmp_path / "empty", "csv", seed=9)
    assert digest(tmp_path / "empty") == before


def test_nothing_is_left_when_it_fails_halfway(tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int) -> None:
        if what == "write ratings":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "out", GeneratorConfig(layout="csv", **SMALL), stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"users": 10, "movies": 10, "ratings": 101}, "at most 100 ratings"),
        ({"users": 10, "movies": 10, "ratings": 9}, "at least 10 ratings"),
        ({"layout": "ml-2m"}, r"no layout 'ml-2m'; did you mean .*\? Choose one of ml-100k"),
        ({"layout": "ml-10m", "demographics": True}, "ml-10m has no users file"),
    ],
)
def test_impossible_configs_are_refused_with_a_remedy(options: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        GeneratorConfig.model_validate(options)


def test_names_of_newer_releases_mean_csv() -> None:
    assert GeneratorConfig.model_validate({"layout": "ml-32m"}).layout == "csv"
