"""Users' tables made shard by shard on files, by an engine's tasks: the publisher reads them in the shards' order.

A shard's files are whole or not there at all, so that a run after one that was cut off makes only what is missing.
Their rows are those of ``tables.Here`` over all users, and their bytes do not depend on who made them.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.engine.base import Engine
from recengine.knobs.stages import ScoreConfig
from recengine.models import store
from recengine.models.explaining import REASONS
from recengine.rules.compiled import Compiled
from recengine.rules.running import Ran
from recengine.runtime import durable
from recengine.runtime.devices import resolved
from recengine.runtime.identity import code_identity
from recengine.scoring.audited import audit_shard
from recengine.scoring.neighbours import similar_by
from recengine.scoring.tables import RECOMMENDATIONS, Elsewhere, Here
from recengine.shards import files
from recengine.variety.by_genre import BY_GENRE

TABLES = {"lists": RECOMMENDATIONS, "reasons": REASONS, "by_genre": BY_GENRE}  # in the order they are made in
SAID = "said.json"


class Part(NamedTuple):
    """The work on one shard."""

    home: Home
    snapshot_folder: Path
    model_id: str
    config: ScoreConfig
    rules: Sequence[Ran]
    room: Path
    shard: int


class Said(NamedTuple):
    """What came of a shard's reasons, and the seconds they took."""

    said: str
    seconds: float


@dataclass
class OnEngine:
    """Makes sources of users' tables whose shards an engine's tasks make; to be given to ``score``."""

    engine: Engine

    def __call__(
        self, home: Home, snapshot_folder: Path, model_id: str, config: ScoreConfig, rules: Sequence[Ran]
    ) -> FromParts:
        """Have all shards made.

        Raises
        ------
        ShardFailed
            A shard's work failed as often as it may be tried; what others made stays for the next run.
        """
        made_at = store.manifest_of(home, model_id).trained_at
        key = _key(f"{model_id} {made_at.isoformat()}", config, rules)
        room = files.work_folder(snapshot_folder, f"lists-{key}")
        snapshot = Snapshot.load(snapshot_folder)
        tasks = [
            Part(home, snapshot_folder, model_id, config, rules, room, shard)
            for shard in range(len(snapshot.shards))
        ]
        folders = [Path(folder) for folder in self.engine.map(make, tasks)]
        similar = similar_by(self.engine, snapshot, snapshot_folder, config.similar_n)
        return FromParts(room, folders, similar)


def elsewhere(engine: Engine | None) -> Elsewhere | None:
    """What ``score`` takes to have an engine make users' tables; None of none, which is this process."""
    return None if engine is None else OnEngine(engine)


@dataclass
class FromParts:
    """The tables that shards' files hold, as ``score`` reads them.

    Attributes
    ----------
    room : Path
        Where they lie, for as long as the warehouse does not have them.
    folders : sequence of Path
        One per shard, in the order of the shards.
    similar : Table
        Of the movies.
    """

    room: Path
    folders: Sequence[Path]
    similar: pa.Table

    @property
    def said(self) -> str:
        """What came of the reasons: the same of every shard."""
        return _said(self.folders[0]).said

    @property
    def seconds(self) -> float:
        """All shards' reasons took, whoever made them."""
        return sum(_said(folder).seconds for folder in self.folders)

    def lists(self) -> Iterator[pa.RecordBatch]:
        """Columns of ``RECOMMENDATIONS``."""
        return self._read("lists")

    def reasons(self) -> Iterator[pa.RecordBatch]:
        """Columns of ``REASONS``."""
        return self._read("reasons")

    def by_genre(self) -> Iterator[pa.RecordBatch]:
        """Columns of ``BY_GENRE``."""
        return self._read("by_genre")

    def similar_movies(self) -> pa.Table:
        """Found by ranges of movies."""
        return self.similar

    def put_away(self) -> None:
        """The files go."""
        shutil.rmtree(self.room)

    def _read(self, table: str) -> Iterator[pa.RecordBatch]:
        for folder in self.folders:
            with pq.ParquetFile(folder / f"{table}.parquet") as file:
                yield from file.iter_batches()


def make(part: Part) -> str:
    """Make one shard's tables, unless they are there, and audit them; returns the folder that holds them.

    The snapshot's files, the model's and nothing else of the home are read: never the warehouse.

    Raises
    ------
    AuditFailed
        An audit found a bad row; the files are not kept.
    """
    folder = part.room / f"{part.shard:05d}"
    if files.is_whole(folder):
        return str(folder)
    shutil.rmtree(folder, ignore_errors=True)
    part.room.mkdir(parents=True, exist_ok=True)
    snapshot = Snapshot.load(part.snapshot_folder)
    model = store.load(part.home, part.model_id).to(resolved(part.config.device))
    rules = Compiled.over(snapshot, part.rules) if part.rules else None
    source = Here(model, snapshot, part.config, rules, snapshot.shards[part.shard])
    with durable.new_folder(folder) as partial:
        for table, schema in TABLES.items():
            with pq.ParquetWriter(partial / f"{table}.parquet", schema) as file:
                for batch in getattr(source, table)():
                    file.write_batch(batch)
        (partial / SAID).write_text(json.dumps(Said(source.said, source.seconds)._asdict()))
        audit_shard(partial, snapshot, snapshot.shards[part.shard], part.rules, source.said)
    return str(folder)


def _key(model: str, config: ScoreConfig, rules: Sequence[Ran]) -> str:
    """What shards' tables depend on beside the snapshot, 16 hex digits: the same in every process.

    A pickle is not: the set of the fields that a config was told lies in another order in each process.
    """
    digest = hashlib.sha256(f"{code_identity()} {model} {config.model_dump_json()}".encode())
    for one in rules:
        rows = io.BytesIO()
        pacsv.write_csv(one.rows.sort_by([(name, "ascending") for name in one.rows.column_names]), rows)
        digest.update(f" {one.rule} {one.per_user} {one.most} ".encode())
        digest.update(rows.getbuffer())
        digest.update(np.sort(one.users).tobytes())
    return digest.hexdigest()[:16]


def _said(folder: Path) -> Said:
    return Said(**json.loads((folder / SAID).read_text(encoding="utf-8")))
