"""Recommenders from raw files to a Parquet of top 20: ``python -m benchmarks.scale.contenders NAME DATA OUT``.

Each one is what a user of that library would write: pandas reads the files, the library fits and recommends,
pandas writes. Prints one JSON object with the seconds of every step.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

TOP_N = 20
HEAD = 20_000  # EASE is dense: three matrices of this many movies squared take 5 GB
BLOCK = 1_024
LOOP_LIMIT = 300.0  # seconds that the article's loop is given
ARTICLE_EPOCHS = 50
GENRE_LIKED_FROM = 3


class Steps(dict[str, Any]):
    """Seconds by step."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what runs inside."""
        began = time.perf_counter()
        yield
        self[name] = time.perf_counter() - began


@dataclass(frozen=True)
class Data:
    """The ratings and who and what the dense positions are; ``rated`` is 1 where rated, (U, M)."""

    frame: pd.DataFrame
    users: np.ndarray
    movies: np.ndarray
    rated: csr_matrix


def read(folder: Path, steps: Steps) -> Data:
    """The ratings by pandas, and the matrix of ones."""
    types = {"userId": "int32", "movieId": "int32", "rating": "float32", "timestamp": "int64"}
    with steps.step("read"):
        frame = pd.read_csv(folder / "ratings.csv", dtype=types)
    with steps.step("matrix"):
        user, users = pd.factorize(frame["userId"], sort=True)
        movie, movies = pd.factorize(frame["movieId"], sort=True)
        ones = np.ones(len(frame), dtype=np.float32)
        rated = csr_matrix((ones, (user, movie)), shape=(len(users), len(movies)))
    return Data(frame, users, movies, rated)


def write(out: Path, data: Data, movie: np.ndarray, score: np.ndarray, steps: Steps) -> None:
    """The lists (U, N) as rows of user, rank, movie and score."""
    with steps.step("write"):
        n = movie.shape[1]
        columns = {
            "userId": np.repeat(data.users, n),
            "rank": np.tile(np.arange(1, n + 1, dtype=np.int32), len(data.users)),
            "movieId": data.movies[movie.ravel()],
            "score": score.ravel().astype(np.float32),
        }
        found = movie.ravel() >= 0  # implicit pads the lists of users for whom it finds fewer
        pd.DataFrame(columns)[found].to_parquet(out, index=False)


def implicit_model(folder: Path, out: Path, steps: Steps, make: Callable[[], Any]) -> None:
    """A model of the package implicit; BLAS on one thread, as its documentation asks, its own on all cores."""
    from threadpoolctl import threadpool_limits

    data = read(folder, steps)
    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make()
        with steps.step("fit"):
            model.fit(data.rated, show_progress=False)
        with steps.step("recommend"):
            movie, score = model.recommend(np.arange(len(data.users)), data.rated, N=TOP_N)
    write(out, data, movie, score, steps)


def als(factors: int, **knobs: float) -> Callable[[Path, Path, Steps], None]:
    """Implicit-feedback ALS (Hu, Koren, Volinsky, ICDM 2008), the package's defaults but the factors."""

    def run(folder: Path, out: Path, steps: Steps) -> None:
        from implicit.als import AlternatingLeastSquares as Als

        implicit_model(folder, out, steps, lambda: Als(factors=factors, random_state=0, **knobs))

    return run


def bpr(folder: Path, out: Path, steps: Steps) -> None:
    """Bayesian personalised ranking (Rendle et al., UAI 2009), 64 factors, the package's other defaults."""
    from implicit.bpr import BayesianPersonalizedRanking as Bpr

    implicit_model(folder, out, steps, lambda: Bpr(factors=64, random_state=0))


def cosine(folder: Path, out: Path, steps: Steps) -> None:
    """Item-kNN by cosine, the package's default of 20 neighbours."""
    from implicit.nearest_neighbours import CosineRecommender

    implicit_model(folder, out, steps, lambda: CosineRecommender(K=20))


def ease(folder: Path, out: Path, steps: Steps) -> None:
    """EASE (Steck, WWW 2019) in NumPy on the ``HEAD`` most rated movies, lambda 400, BLAS on all cores."""
    data = read(folder, steps)
    with steps.step("fit"):
        counts = np.asarray(data.rated.sum(axis=0)).ravel()
        head = np.sort(np.argsort(-counts, kind="stable")[:HEAD])
        rated = data.rated[:, head].tocsr()
        weights = (rated.T @ rated).toarray()
        weights[np.diag_indices_from(weights)] += 400
        weights = np.linalg.inv(weights)
        weights /= -np.diag(weights)
        np.fill_diagonal(weights, 0)
    with steps.step("recommend"):
        lists = [
            top(rated[i : i + BLOCK] @ weights, rated[i : i + BLOCK]) for i in range(0, rated.shape[0], BLOCK)
        ]
    movie, score = (np.concatenate(part) for part in zip(*lists, strict=True))
    write(out, data, head[movie], score, steps)


def top(scores: np.ndarray, rated: csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """The best unrated movies of a block of users, (B, N), and their scores."""
    rows = np.repeat(np.arange(rated.shape[0]), np.diff(rated.indptr))
    scores[rows, rated.indices] = -np.inf
    best = np.argpartition(-scores, TOP_N, axis=1)[:, :TOP_N]
    values = np.take_along_axis(scores, best, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1), np.take_along_axis(values, order, axis=1)


def article(folder: Path, out: Path, steps: Steps) -> None:
    """The article's matrix by its loop over ratings, and its 20-10-20 autoencoder, one user per step."""
    data = read(folder, steps)
    with steps.step("prepare"):
        rows = article_matrix(folder, data, steps)
    if rows is None:
        return
    with steps.step("fit"):
        scores = article_scores(rows, len(data.movies))
    with steps.step("recommend"):
        movie, score = top(scores, data.rated)
    write(out, data, movie, score, steps)


def article_matrix(folder: Path, data: Data, steps: Steps) -> np.ndarray | None:
    """[ratings | movies rated >= 3 per genre] per user, filled rating by rating; None past ``LOOP_LIMIT``."""
    movies = pd.read_csv(folder / "movies.csv")
    genres = sorted({genre for listed in movies["genres"] for genre in listed.split("|")})
    user_of = {user: place for place, user in enumerate(data.users)}
    movie_of = {movie: place for place, movie in enumerate(data.movies)}
    rows = np.zeros((len(data.users), len(data.movies) + len(genres)), dtype=np.float32)
    began, total = time.perf_counter(), len(data.frame)
    for done, (user, movie, rating) in enumerate(
        zip(data.frame["userId"], data.frame["movieId"], data.frame["rating"], strict=True)
    ):
        rows[user_of[user], movie_of[movie]] = rating
        listed = movies.loc[movies["movieId"] == movie]["genres"].iloc[0]  # the article's own lookup
        if rating >= GENRE_LIKED_FROM:
            for genre in listed.split("|"):
                rows[user_of[user], len(data.movies) + genres.index(genre)] += 1
        spent = time.perf_counter() - began
        if spent > LOOP_LIMIT:
            steps["stopped"] = {"ratings": done + 1, "of": total, "extrapolated": spent * total / (done + 1)}
            return None
    return rows


def article_scores(rows: np.ndarray, movies: int) -> np.ndarray:
    """Reconstructed ratings (U, M): RMSprop at 0.01, weight decay 0.5, gradients never zeroed."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    hidden = (rows.shape[1], 20, 10, 20)
    layers = [part for a, b in itertools.pairwise(hidden) for part in (nn.Linear(a, b), nn.Sigmoid())]
    net = nn.Sequential(*layers, nn.Linear(20, movies))
    optimizer = torch.optim.RMSprop(net.parameters(), lr=0.01, weight_decay=0.5)
    inputs = torch.from_numpy(rows)
    for _ in range(ARTICLE_EPOCHS):
        for row in inputs.split(1):
            target = row[:, :movies]
            nn.functional.mse_loss(net(row) * (target > 0), target).backward()
            optimizer.step()
    with torch.no_grad():
        return np.asarray(net(inputs).numpy())


def ours(folder: Path, out: Path, steps: Steps) -> None:
    """Our engine as a peer is used: no gate, no Prefect, nothing published; lists and stars by ``hybrid``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from recengine.config import Home
    from recengine.evaluation.runner import EvaluateConfig, read_snapshot
    from recengine.models import make
    from recengine.score import RECOMMENDATIONS, recommend

    with steps.step("read"):
        snapshot = read_snapshot(Home.at(out.parent), EvaluateConfig(source=folder))
    with steps.step("fit"):
        model = make("hybrid").fit(snapshot)
    with steps.step("recommend"), pq.ParquetWriter(out, RECOMMENDATIONS) as file:
        for batch in recommend(model, snapshot, TOP_N):
            file.write_table(pa.table(batch))
    renamed = pq.read_table(out).rename_columns(["userId", "rank", "movieId", "score", "predicted_rating"])
    pq.write_table(renamed, out)


CONTENDERS: dict[str, Callable[[Path, Path, Steps], None]] = {
    "recengine, engine only": ours,
    "pandas + implicit ALS 64": als(64),
    "pandas + implicit ALS 128": als(128),
    "pandas + implicit BPR 64": bpr,
    "pandas + implicit item-kNN": cosine,
    "pandas + NumPy EASE": ease,
    "pandas + the article's loop": article,
}


if __name__ == "__main__":
    taken = Steps()
    CONTENDERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]), taken)
    print(json.dumps(taken))
