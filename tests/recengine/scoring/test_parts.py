"""Users' tables from shards' files: the rows that this process makes, and nothing made twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import engine_homes
import pytest

from recengine import score
from recengine.config import Home
from recengine.engine.base import ShardFailed
from recengine.engine.local import Local
from recengine.knobs.stages import ScoreConfig
from recengine.scoring import parts
from recengine.scoring.parts import OnEngine
from recengine.shards import files
from recengine.warehouse.connection import warehouse

CONFIG = ScoreConfig(top_n=5, similar_n=3, genre_n=2)
TABLES = ("recommendations", "reasons", "recommendations_by_genre", "similar_movies")


@dataclass
class Stopping:
    """Local, from the last shard on; it ends after a number of shards."""

    until: int
    made: list[int] = field(default_factory=list)

    def map(self, work: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
        found = {}
        for task in reversed(tasks):
            if len(self.made) == self.until:
                raise ShardFailed(task.shard, 1, "cut off")
            found[task.shard] = work(task)
            self.made.append(task.shard)
        return [found[shard] for shard in range(len(tasks))]


@pytest.fixture
def folder(home: Home) -> Path:
    """The home's snapshot, of nine shards."""
    [folder] = home.snapshots.iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"shard_ratings": 120}))
    return folder


def scored(home: Home, folder: Path, model_id: str, config: ScoreConfig, *engine: Any) -> dict[str, str]:
    """A hash of each table's rows in their order."""
    with warehouse(home.warehouse) as con:
        elsewhere = OnEngine(*engine) if engine else None
        score.score(con, home, folder, model_id, config, elsewhere=elsewhere)
        rows = {table: con.execute(f"FROM scores.{table}").fetchall() for table in TABLES}
        rows["reasons"].sort()  # where there are variants, blocks have theirs one after the other
        rows["said"] = con.execute("SELECT reasons FROM scores.origin").fetchall()
    return {table: hashlib.sha256(repr(found).encode()).hexdigest() for table, found in rows.items()}


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("popularity", CONFIG),
        ("ease", CONFIG.model_copy(update={"popularity_debias": 0.1, "diversity": 0.1})),
        ("hybrid", CONFIG.model_copy(update={"variants": "hybrid,hybrid+diversity"})),
    ],
)
def test_tables_of_shards_are_those_made_here(
    home: Home, folder: Path, name: str, config: ScoreConfig
) -> None:
    model_id = engine_homes.trained(home, folder, name)
    here = scored(home, folder, model_id, config)
    assert scored(home, folder, model_id, config, Local()) == here
    assert list((folder / files.WORK).iterdir()) == []


def test_rules_hold_on_shards(home: Home, folder: Path) -> None:
    rules = home.root / "rules"
    rules.mkdir()
    query = "-- Nothing of this.\nSELECT movie_id FROM core.movies WHERE movie_id % 5 = 0"
    (rules / "exclude_fifths.sql").write_text(query)
    (rules / "boost_thirds.sql").write_text(
        "-- More of this.\nSELECT movie_id, 0.5 AS weight FROM core.movies WHERE movie_id % 3 = 0"
    )
    model_id = engine_homes.trained(home, folder, "ease")
    without = scored(home, folder, model_id, CONFIG, Local())
    here = scored(home, folder, model_id, CONFIG)
    assert scored(home, folder, model_id, CONFIG, Local()) == here
    assert without == here  # both had them
    (rules / "exclude_fifths.sql").unlink()
    assert scored(home, folder, model_id, CONFIG, Local()) != here


def test_after_a_cut_only_missing_and_torn_shards_are_made(home: Home, folder: Path) -> None:
    model_id = engine_homes.trained(home, folder, "ease")
    before = scored(home, folder, model_id, CONFIG)
    with pytest.raises(ShardFailed):
        scored(home, folder, model_id, CONFIG, Stopping(4))
    with warehouse(home.warehouse) as con:  # readers' source is as it was
        rows = con.execute("FROM scores.recommendations").fetchall()
    assert hashlib.sha256(repr(rows).encode()).hexdigest() == before["recommendations"]
    [room] = (folder / files.WORK).iterdir()
    assert sorted(part.name for part in room.iterdir()) == ["00005", "00006", "00007", "00008"]
    (room / "00006" / "lists.parquet").write_bytes(b"torn")
    kept = {part: (part / parts.SAID).stat().st_mtime_ns for part in room.iterdir()}
    engine = Stopping(18)  # shards, then ranges of movies
    again = engine.map

    def watched(work: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
        found = again(work, tasks)
        left = [part.name for part in sorted(kept) if (part / parts.SAID).stat().st_mtime_ns == kept[part]]
        assert left == ["00005", "00007", "00008"]
        return found

    engine.map = watched  # type: ignore[method-assign]
    assert scored(home, folder, model_id, CONFIG, engine) == before


def test_a_shard_is_made_with_the_warehouse_unreadable(home: Home, folder: Path) -> None:
    model_id = engine_homes.trained(home, folder, "ease")
    away = home.warehouse.rename(home.root / "away")
    made = OnEngine(Local())(home, folder, model_id, CONFIG, ())
    away.rename(home.warehouse)
    assert len(made.folders) == 9
    assert sum(len(batch) for batch in made.lists()) == 40 * 5


def test_other_wishes_have_other_files(home: Home, folder: Path) -> None:
    model_id = engine_homes.trained(home, folder)
    rooms = {
        OnEngine(Local())(home, folder, model_id, config, ()).room
        for config in (CONFIG, CONFIG.model_copy(update={"top_n": 6}), CONFIG)
    }
    assert len(rooms) == 2
    assert set(parts.TABLES) == {"lists", "reasons", "by_genre"}


def test_the_same_wishes_have_the_same_files_however_they_were_told(home: Home, folder: Path) -> None:
    model_id = engine_homes.trained(home, folder)
    rooms = {
        OnEngine(Local())(home, folder, model_id, config, ()).room
        for config in (ScoreConfig(), ScoreConfig(top_n=ScoreConfig().top_n))
    }
    assert len(rooms) == 1
