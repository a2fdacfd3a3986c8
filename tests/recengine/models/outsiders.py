"""A package of somebody else's, written to a folder and put where Python finds it."""

from __future__ import annotations

import importlib
import sqlite3
import sys
from pathlib import Path

import pytest

RANKER = '''
"""Ranks movies by how often they were rated with the user's own; predicts no stars."""

import numpy as np
import torch
from pydantic import Field

from recengine.models.base import Model, ModelConfig


class RankerConfig(ModelConfig):
    """The knob of a ranker."""

    prior: float = Field(10.0, ge=0, description="Ratings that every movie is given beside its own")


class Ranker(Model):
    """Cosines of movies by who rated them, those with few ratings held back."""

    Config = RankerConfig

    def fit(self, snapshot, *, device="cpu", on_progress=lambda *told: None):
        rated = snapshot.interactions
        counts = rated.sum(axis=0)
        weights = (1 / np.sqrt(counts + self.config.prior + 1)).astype(np.float32)
        rated = rated.multiply(weights).tocsr()
        together = (rated.T @ rated).toarray(order="C")
        np.fill_diagonal(together, 0)
        self.together = torch.from_numpy(together)
        return self

    def score(self, snapshot, users):
        return torch.from_numpy(snapshot.interactions[users] @ self.together.numpy())

    def state(self):
        return {"together": self.together}

    def restore(self, state):
        self.together = state["together"]
        return self


class Careless(Ranker):
    """Breaks what every model must keep, one thing after the other."""

    def fit(self, snapshot, *, device="cpu", on_progress=lambda *told: None):
        on_progress("work", 1, 2)
        if snapshot.ratings.data.flags.writeable and snapshot.ratings.nnz:
            snapshot.ratings.data[0] += 1
        self.noise = np.random.default_rng().random((snapshot.users, snapshot.movies))
        self.noise -= snapshot.interactions.sum(axis=0)  # what nobody wants comes first
        return self

    def score(self, snapshot, users):
        chosen = self.noise[users]
        return torch.from_numpy((chosen - chosen.mean()).astype(np.float32))

    def predict(self, snapshot, user_index, movie_index):
        low, high = snapshot.scale
        return np.where(user_index % 2, low, high).astype(np.float32)

    def state(self):
        return {}

    def restore(self, state):
        return self


class Unfinished(Model):
    """Scores nothing yet."""


class Hybrid(Ranker):
    """Calls itself as a model of ours does."""

    name = "hybrid"


def function():
    """No class at all."""
'''

READER = '''
"""Reads a shop's SQLite file."""

import sqlite3
from pathlib import Path

import pyarrow as pa

from recengine.movielens.foreign import Reader


class Shop(Reader):
    """Orders, items and customers of a shop."""

    file: str = "shop.db"
    lowest: int = 1

    def read(self, folder):
        with sqlite3.connect(f"file:{Path(folder) / self.file}?mode=ro", uri=True) as con:
            return {
                "ratings": self._table(
                    con, "SELECT who AS user, item AS movie, stars AS rating, at AS time FROM orders "
                    f"WHERE stars >= {self.lowest} ORDER BY who, item"
                ),
                "movies": self._table(con, "SELECT item AS movie, title, kinds AS genres FROM items ORDER BY item"),
            }

    def _table(self, con, query):
        found = con.execute(query)
        columns = zip(*found.fetchall(), strict=True)
        return pa.table({about[0]: list(column) for about, column in zip(found.description, columns, strict=True)})


class Torn(Reader):
    """Finds nothing to read."""

    def read(self, folder):
        raise OSError("the shop is closed.")


class Movies(Reader):
    """Knows no ratings."""

    def read(self, folder):
        return {"movies": pa.table({"movie": [1]})}
'''

EXPORTER = '''
"""Counts the rows of a publication."""

from recengine.serving.exports import Exporter
from recengine.warehouse.connection import published


class Counting(Exporter):
    """Writes the number of lists to a file."""

    def export(self, home, path):
        with published(path) as readers:
            [(users,)] = readers.execute("SELECT count(DISTINCT user_id) FROM recommendations").fetchall()
        (home.root / "counted").write_text(str(users))


class Failing(Exporter):
    """Its bucket is away."""

    def export(self, home, path):
        raise ConnectionError("the bucket is away")
'''


def package(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "outside") -> str:
    """Write the package and put its folder on this process's and its children's path; returns its module's name."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("")
    (folder / name / "ranking.py").write_text(RANKER)
    (folder / name / "reading.py").write_text(READER)
    (folder / name / "exporting.py").write_text(EXPORTER)
    (folder / name / "broken.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    forget(name, monkeypatch)
    return f"{name}.ranking"


def forget(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a package be imported anew, as another process does."""
    for module in [known for known in sys.modules if known.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    importlib.invalidate_caches()


def offer(folder: Path, group: str, name: str, path: str) -> None:
    """An installed distribution in that folder offers ``path`` as an entry point."""
    about = folder / "outside-1.0.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    with (about / "entry_points.txt").open("a") as points:
        points.write(f"[{group}]\n{name} = {path}\n")


SHOP = 'name = "shop"\nscale = "1-5/1"\nreader = "outside.reading:Shop"\n'


def shop(folder: Path) -> Path:
    """A folder with a SQLite file of 30 customers and 20 items, and what says how it is read."""
    folder.mkdir()
    (folder / "dataset.toml").write_text(SHOP)
    orders = [
        (who, item, 1 + (who * item) % 5, 1_600_000_000 + who * 1000 + item)
        for who in range(1, 31)
        for item in range(1, 21)
        if (who * 7 + item * 5) % 23 > item  # the first ones are the popular ones
    ]
    with sqlite3.connect(folder / "shop.db") as con:
        con.execute("CREATE TABLE orders (who INTEGER, item INTEGER, stars INTEGER, at INTEGER)")
        con.execute("CREATE TABLE items (item INTEGER, title TEXT, kinds TEXT)")
        con.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", orders)
        items = [(item, f"Item {item} (1999)", "Drama|Comedy") for item in range(1, 21)]
        con.executemany("INSERT INTO items VALUES (?, ?, ?)", items)
    return folder
