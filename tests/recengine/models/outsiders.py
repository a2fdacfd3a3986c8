"""A package of somebody else's, written to a folder and put where Python finds it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

RANKER = '''
"""Ranks by how well liked a movie is; predicts no stars."""

import numpy as np
import torch
from pydantic import Field

from recengine.models.base import Model, ModelConfig


class RankerConfig(ModelConfig):
    """The knob of a ranker."""

    prior: float = Field(10.0, ge=0, description="Ratings of the mean that every movie is given")


class Ranker(Model):
    """The sum of a movie's likes over its ratings."""

    Config = RankerConfig

    def fit(self, snapshot, *, device="cpu", on_progress=lambda *told: None):
        ratings, prior = snapshot.ratings, self.config.prior
        counts = np.bincount(ratings.indices, minlength=snapshot.movies)
        sums = np.bincount(ratings.indices, ratings.data, minlength=snapshot.movies)
        mean = ratings.data.mean() if ratings.nnz else 0.0
        liked = counts * (sums + prior * mean) / np.maximum(counts + prior, 1)
        self.liked = torch.from_numpy(liked.astype(np.float32))
        return self

    def score(self, snapshot, users):
        first, last, _ = users.indices(snapshot.users)
        return self.liked.expand(last - first, -1).clone()

    def state(self):
        return {"liked": self.liked}

    def restore(self, state):
        self.liked = state["liked"]
        return self


class Unfinished(Model):
    """Scores nothing yet."""


class Hybrid(Ranker):
    """Calls itself as a model of ours does."""

    name = "hybrid"


def function():
    """No class at all."""
'''


def package(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "outside") -> str:
    """Write the package and put its folder on this process's and its children's path; returns its module's name."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("")
    (folder / name / "ranking.py").write_text(RANKER)
    (folder / name / "broken.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    for module in [known for known in sys.modules if known.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    importlib.invalidate_caches()
    return f"{name}.ranking"


def offer(folder: Path, group: str, name: str, path: str) -> None:
    """An installed distribution in that folder offers ``path`` as an entry point."""
    about = folder / "outside-1.0.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    with (about / "entry_points.txt").open("a") as points:
        points.write(f"[{group}]\n{name} = {path}\n")
