"""Scoring: blocks, streams, other processes, and refusals."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import engine_homes
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from recengine import score
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.errors import NotFinite, NotReady
from recengine.knobs.stages import ScoreConfig
from recengine.models import make, store
from recengine.models.popularity import Popularity
from recengine.scoring import tables
from recengine.warehouse.connection import warehouse


def table(batches: Iterator[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches, schema=score.RECOMMENDATIONS)


@pytest.mark.parametrize("rows", [1, 7, 39, 40])
@pytest.mark.parametrize("name", ["popularity", "sae"])
def test_blocks_do_not_matter(name: str, rows: int, small: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(name, **({"epochs": 3} if name == "sae" else {})).fit(small)
    whole = table(score.recommend(model, small, 10))
    monkeypatch.setattr(tables, "BLOCK_USERS", rows)
    batches = list(score.recommend(model, small, 10))
    assert len(batches) == -(-small.users // rows)
    parts = pa.Table.from_batches(batches)
    assert parts.drop_columns(["score", "predicted_rating"]).equals(
        whole.drop_columns(["score", "predicted_rating"])
    )
    np.testing.assert_allclose(parts["score"], whole["score"], rtol=1e-5)


def test_streams_block_by_block(small: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BLOCK_USERS", 10)
    model, blocks, told = Popularity().fit(small), [], []
    original = model.score
    monkeypatch.setattr(
        model, "score", lambda snapshot, users: blocks.append(users) or original(snapshot, users)
    )
    stream = score.recommend(model, small, 5, slice(10, 40), lambda *progress: told.append(progress))
    assert blocks == []
    next(stream)
    assert blocks == [slice(10, 20)]
    list(stream)
    assert blocks == [slice(10, 20), slice(20, 30), slice(30, 40)]
    assert told == [("users scored", done, 30) for done in (10, 20, 30)]


def test_ranges_put_together_are_the_whole(small: Snapshot) -> None:
    model = Popularity().fit(small)
    shards = [table(score.recommend(model, small, 10, slice(at, at + 9))) for at in range(0, small.users, 9)]
    assert pa.concat_tables(shards).equals(table(score.recommend(model, small, 10)))


def test_another_process_without_the_warehouse(home: Home, tmp_path: Path) -> None:
    [folder] = home.snapshots.iterdir()
    model_id = engine_homes.trained(home, folder, "sae", epochs=3)
    here = table(score.recommend(store.load(home, model_id), Snapshot.load(folder), 5, slice(10, 30)))
    script = f"""
        import sys
        from pathlib import Path
        import duckdb
        import pyarrow as pa
        import pyarrow.parquet as pq
        from recengine import score
        from recengine.config import Home
        from recengine.models import store
        from recengine.dataset import Snapshot
        try:
            duckdb.connect({str(home.warehouse)!r})
        except duckdb.IOException:
            pass  # another process holds it
        else:
            sys.exit("the warehouse could be opened")
        model = store.load(Home(Path({str(home.root)!r})), {model_id!r})
        snapshot = Snapshot.load(Path({str(folder)!r}))
        pq.write_table(pa.Table.from_batches(score.recommend(model, snapshot, 5, slice(10, 30))), sys.argv[1])
    """
    with warehouse(home.warehouse):
        command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "shard.parquet")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert pq.read_table(tmp_path / "shard.parquet").equals(here)


def test_fewer_rows_only_where_fewer_movies_are_left() -> None:
    from recengine import features

    everything = [(1, movie, 3.0, "2020-01-01") for movie in (10, 20, 30)]
    one_left = [(2, movie, 4.0, "2020-01-02") for movie in (10, 20)]
    tiny = features.snapshot(engine_homes.core_of(ratings=everything + one_left))
    found = table(score.recommend(Popularity().fit(tiny), tiny, 2))
    assert found.drop_columns(["score", "predicted_rating"]).to_pylist() == [
        {"user_id": 2, "rank": 1, "movie_id": 30},
        {"user_id": 3, "rank": 1, "movie_id": 10},
        {"user_id": 3, "rank": 2, "movie_id": 20},
    ]


def test_warehouse_tables(home: Home) -> None:
    with warehouse(home.warehouse) as con:
        [folder] = home.snapshots.iterdir()
        model_id = engine_homes.trained(home, folder)
        for n in (7, 4):  # the second replaces the first
            report = score.score(con, home, folder, model_id, ScoreConfig(top_n=n, similar_n=2))
        rows = con.execute("SELECT user_id, rank, movie_id FROM scores.recommendations").fetchall()
        origin = con.execute("SELECT model_id, model, snapshot, top_n FROM scores.origin").fetchall()
        neighbours = con.execute("SELECT count(*) FROM scores.similar_movies").fetchall()
    snapshot = Snapshot.load(folder)
    expected = table(score.recommend(store.load(home, model_id), snapshot, 4))
    assert rows == [
        tuple(row.values()) for row in expected.select(["user_id", "rank", "movie_id"]).to_pylist()
    ]
    assert origin == [(model_id, "popularity", snapshot.fingerprint, 4)]
    assert (report.recommendations, report.similar_movies) == (len(rows), neighbours[0][0])
    assert report.users == 40


def scored_rows(home: Home) -> list[tuple[object, ...]]:
    with warehouse(home.warehouse) as con:
        return con.execute("FROM scores.recommendations ORDER BY ALL").fetchall()


def test_infinite_scores_are_refused_and_change_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    [folder] = home.snapshots.iterdir()
    model_id, before = engine_homes.trained(home, folder), scored_rows(home)
    monkeypatch.setattr(
        Popularity,
        "score",
        lambda self, snapshot, users: torch.full((users.stop - users.start, 60), torch.nan),
    )
    with (
        warehouse(home.warehouse) as con,
        pytest.raises(NotFinite, match=r"model popularity gives scores that are not finite"),
    ):
        score.score(con, home, folder, model_id, ScoreConfig())
    assert scored_rows(home) == before


def test_model_of_other_data_is_refused(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    model_id = engine_homes.trained(home, folder)
    manifest = store.manifest_of(home, model_id).model_copy(update={"model_id": "old", "snapshot": "other"})
    store.save(home, store.load(home, model_id), manifest, Snapshot.load(folder))
    with (
        warehouse(home.warehouse) as con,
        pytest.raises(NotReady, match="model old was trained on other data"),
    ):
        score.score(con, home, folder, "old", ScoreConfig())


def test_warehouse_loaded_anew_is_refused(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    model_id = engine_homes.trained(home, folder)
    with warehouse(home.warehouse) as con:
        con.execute("UPDATE ops.dataset SET input_fingerprint = 'newer'")
        with pytest.raises(NotReady, match="Other data was loaded"):
            score.score(con, home, folder, model_id, ScoreConfig())
