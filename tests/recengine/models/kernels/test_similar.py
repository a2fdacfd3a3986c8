"""Neighbours of movies, against the definition spelled out."""

from __future__ import annotations

import numpy as np
import pytest
from engine_homes import core_of

from recengine.dataset import Snapshot
from recengine.features import snapshot as snapshot_of
from recengine.models.kernels import similar
from recengine.models.kernels.similar import SHRINKAGE
from recengine.score import similar_movies


def by_definition(snapshot: Snapshot, n: int) -> list[tuple[int, int, int, float]]:
    rated = (snapshot.ratings.toarray() > 0).astype(float)
    rows = []
    for movie in range(snapshot.movies):
        scored = []
        for other in range(snapshot.movies):
            common = float(rated[:, movie] @ rated[:, other])
            if other != movie and common:
                cosine = common / np.sqrt(rated[:, movie].sum() * rated[:, other].sum())
                scored.append((-np.float32(cosine * common / (common + SHRINKAGE)), other))
        for rank, (score, other) in enumerate(sorted(scored)[:n], start=1):
            ids = snapshot.movie_ids
            rows.append((int(ids[movie]), rank, int(ids[other]), float(-score)))
    return rows


@pytest.mark.parametrize(("part", "band", "bands"), [(1, 2_048, 6), (7, 32, 6), (60, 32, 0), (60, 32, 1)])
def test_equals_the_definition(
    small: Snapshot, part: int, band: int, bands: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PART": part, "BAND": band, "BANDS": bands}.items():
        monkeypatch.setattr(similar, name, value)
    found, expected = similar_movies(small, 5), by_definition(small, 5)
    assert found["movie_id"].to_pylist() == [row[0] for row in expected]
    assert found["rank"].to_pylist() == [row[1] for row in expected]
    np.testing.assert_allclose(found["score"], [row[3] for row in expected], rtol=1e-5)
    assert (found["score"].to_numpy() < 1).all()


def test_three_movies_whole() -> None:
    ratings = [(1, 10, 5.0, "2020-01-01"), (1, 20, 1.0, "2020-01-01"), (2, 20, 3.0, "2020-01-01")]
    found = similar_movies(snapshot_of(core_of(ratings=ratings)), 2)
    score = pytest.approx(1 / np.sqrt(2) / 11)
    assert found.to_pylist() == [
        {"movie_id": 10, "rank": 1, "similar_movie_id": 20, "score": score},
        {"movie_id": 20, "rank": 1, "similar_movie_id": 10, "score": score},
    ]
