"""A temporal holdout as files: everybody trains from the same raw folder and is judged by the same users."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np
from scipy.sparse import csr_array

from recengine.evaluation.metrics import ranking_metrics
from recengine.models.parts.ranking import RankingConfig
from recengine.warehouse.sqlfiles import path_literal, scan_of

SHARE = 0.2
JUDGED_USERS = 20_000
K = 10
HEAD = RankingConfig().most_movies  # where our closed form ends


@dataclass(frozen=True)
class Holdout:
    """A folder with ``train/`` (a MovieLens folder of the ratings before the cut) and ``test.parquet``."""

    folder: Path

    @property
    def train(self) -> Path:
        """What contenders read."""
        return self.folder / "train"

    @cached_property
    def relevant(self) -> tuple[np.ndarray, np.ndarray, csr_array]:
        """User ids, movie ids, and which movies each of the users should be shown, shape (E, M).

        Users with ratings on both sides of the cut; at most ``JUDGED_USERS`` of them, drawn with a fixed seed.
        """
        con = duckdb.connect()
        test = f"read_parquet({scan_of(self.folder / 'test.parquet')})"
        known = con.execute(f"SELECT DISTINCT userId FROM {test} WHERE known ORDER BY userId")
        users = known.fetchnumpy()["userId"]
        random = np.random.default_rng(0)
        users = np.sort(random.choice(users, min(JUDGED_USERS, len(users)), replace=False))
        columns = con.execute(
            f"SELECT movieId FROM read_csv({scan_of(self.train / 'movies.csv')}) ORDER BY movieId"
        )
        movies = columns.fetchnumpy()["movieId"]
        pairs = con.execute(f"SELECT userId, movieId FROM {test} WHERE known").fetchnumpy()
        kept = np.isin(pairs["userId"], users)
        rows = np.searchsorted(users, pairs["userId"][kept])
        places = np.searchsorted(movies, pairs["movieId"][kept])
        ones = np.ones(len(rows), dtype=bool)
        relevant = csr_array((ones, (rows, places)), shape=(len(users), len(movies)))
        relevant.sort_indices()
        return users, movies, relevant

    def ndcg(self, top: Path) -> np.ndarray:
        """nDCG@``K`` of every judged user, by the Parquet file of top lists (userId, rank, movieId)."""
        users, movies, relevant = self.relevant
        lists = duckdb.execute(
            f"SELECT userId, rank, movieId FROM read_parquet({scan_of(top)}) WHERE rank <= {K}"
        ).fetchnumpy()
        kept = np.isin(lists["userId"], users)
        found = np.full((len(users), K), -1, dtype=np.int64)
        rows = np.searchsorted(users, lists["userId"][kept])
        found[rows, lists["rank"][kept] - 1] = np.searchsorted(movies, lists["movieId"][kept])
        return ranking_metrics(found, relevant, (K,))[f"ndcg@{K}"]

    def shown(self, top: Path) -> tuple[int, int]:
        """How many movies the lists show to anybody, and how many of them lie beyond the ``HEAD`` most rated."""
        ratings = f"read_csv({scan_of(self.train / 'ratings.csv')})"
        row = duckdb.execute(
            "WITH placed AS (SELECT movieId, row_number() OVER (ORDER BY count(*) DESC, movieId) AS place "
            f"FROM {ratings} GROUP BY movieId) "
            f"SELECT count(*), count(*) FILTER (place > {HEAD}) "
            f"FROM placed SEMI JOIN read_parquet({scan_of(top)}) USING (movieId)"
        ).fetchall()[0]
        return int(row[0]), int(row[1])


def holdout_of(data: Path, folder: Path) -> Holdout:
    """The newest ``SHARE`` of all ratings held out, in ``folder``; made once."""
    if not (folder / "test.parquet").exists():
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "train").mkdir(parents=True)
        shutil.copy(data / "movies.csv", folder / "train" / "movies.csv")
        with duckdb.connect() as con:
            con.execute(f"CREATE TABLE ratings AS FROM read_csv({scan_of(data / 'ratings.csv')})")
            [(total,)] = con.execute("SELECT count(*) FROM ratings").fetchall()
            [(cut,)] = con.execute(
                f"SELECT timestamp FROM ratings ORDER BY timestamp LIMIT 1 OFFSET {round(total * (1 - SHARE))}"
            ).fetchall()
            con.execute(
                f"COPY (FROM ratings WHERE timestamp < {cut} ORDER BY userId, movieId) "
                f"TO {path_literal(folder / 'train' / 'ratings.csv')} (HEADER)"
            )
            con.execute(
                f"COPY (SELECT *, userId IN (SELECT userId FROM ratings WHERE timestamp < {cut}) AS known "
                f"FROM ratings WHERE timestamp >= {cut} ORDER BY userId, movieId) "
                f"TO {path_literal(folder / 'test.parquet')} (FORMAT parquet)"
            )
    return Holdout(folder)
