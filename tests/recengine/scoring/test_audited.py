"""Each audit of a shard's files finds a fault that is planted in them, and none where there is none."""

from __future__ import annotations

from pathlib import Path

import duckdb
import engine_homes
import pytest

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.engine.base import ShardFailed
from recengine.engine.local import Local
from recengine.errors import AuditFailed
from recengine.knobs.stages import ScoreConfig
from recengine.scoring import parts
from recengine.scoring.audited import AUDITS, audit_shard
from recengine.scoring.parts import OnEngine
from recengine.shards import files

CONFIG = ScoreConfig(top_n=5, similar_n=3, genre_n=2)
RATED = "(SELECT movie_id FROM rated WHERE user_id = {user} LIMIT 1)"
FAULTS = {
    "no_duplicates": (
        "lists",
        "SELECT * REPLACE (first(movie_id) OVER (PARTITION BY user_id) AS movie_id) FROM t",
    ),
    "nothing_already_rated": (
        "lists",
        f"SELECT * REPLACE (if(rank = 1, {RATED}, movie_id) AS movie_id) FROM t",
    ),
    "ranks_have_no_gaps": ("lists", "SELECT * REPLACE (rank + 1 AS rank) FROM t"),
    "reasons_add_up": ("reasons", "SELECT * REPLACE (part + 1 AS part) FROM t"),
    "reasons_are_the_users": ("reasons", "SELECT * REPLACE (-1 AS because_movie_id) FROM t"),
    "scores_fall_with_rank": ("lists", "SELECT * REPLACE (-score AS score) FROM t"),
}


@pytest.fixture
def made(home: Home) -> tuple[Path, Snapshot]:
    """The files of all users as one shard."""
    [folder] = home.snapshots.iterdir()
    made = OnEngine(Local())(home, folder, engine_homes.trained(home, folder, "ease"), CONFIG, ())
    return made.folders[0], Snapshot.load(folder)


def test_every_audit_of_shards_has_a_fault() -> None:
    assert set(FAULTS) == set(AUDITS)


@pytest.mark.parametrize("name", AUDITS)
def test_a_planted_fault_is_found(made: tuple[Path, Snapshot], name: str) -> None:
    folder, snapshot = made
    users = slice(0, snapshot.users)
    audit_shard(folder, snapshot, users, (), "exact")
    table, query = FAULTS[name]
    user, movie = int(snapshot.user_ids[0]), int(snapshot.movie_ids[snapshot.ratings.indices[0]])
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE t AS FROM read_parquet('{folder / f'{table}.parquet'}')")
        con.execute(f"CREATE TABLE rated AS SELECT {user} AS user_id, {movie} AS movie_id")
        con.execute(f"COPY ({query.format(user=user)}) TO '{folder / f'{table}.parquet'}'")
    with pytest.raises(AuditFailed) as failed:
        audit_shard(folder, snapshot, users, (), "exact")
    assert name in failed.value.failures


def test_a_shard_that_fails_its_audit_is_named_and_not_kept(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    [folder] = home.snapshots.iterdir()
    model_id = engine_homes.trained(home, folder, "ease")

    def bad(*_: object) -> None:
        raise AuditFailed({"no_duplicates": "user 1 lists movie 2 3 times"})

    monkeypatch.setattr(parts, "audit_shard", bad)
    with pytest.raises((AuditFailed, ShardFailed), match="user 1 lists movie 2 3 times"):
        OnEngine(Local())(home, folder, model_id, CONFIG, ())
    [room] = (folder / files.WORK).iterdir()
    assert [part for part in room.iterdir() if files.is_whole(part)] == []
