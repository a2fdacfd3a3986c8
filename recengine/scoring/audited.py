"""A shard's tables are audited by whoever made them: the same audits that the published file has to pass."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recengine.dataset import Snapshot
from recengine.rules.running import ROWS, Ran
from recengine.warehouse import sqlfiles
from recengine.warehouse.audits import audit
from recengine.warehouse.connection import memory

# Those that need no more than the shard: each user's lists by themselves.
AUDITS = (
    "no_duplicates",
    "nothing_already_rated",
    "ranks_have_no_gaps",
    "reasons_add_up",
    "reasons_are_the_users",
    "scores_fall_with_rank",
)


def audit_shard(folder: Path, snapshot: Snapshot, users: slice, rules: Sequence[Ran], said: str) -> None:
    """Audit the files of one shard.

    Parameters
    ----------
    folder : Path
        With ``lists.parquet``, ``reasons.parquet`` and ``by_genre.parquet``.
    snapshot : Snapshot
    users : slice
        The shard.
    rules : sequence of Ran
        In force.
    said : str
        What came of the reasons.

    Raises
    ------
    AuditFailed
        With one example per audit that found something.
    """
    part = snapshot.of_users(users)
    tables = {
        "rated": pa.table(
            {
                "user_id": part.user_ids[part.rating_users],
                "movie_id": part.movie_ids[part.ratings.indices],
            }
        ),
        "movie_ids": pa.table({"movie_id": part.movie_ids}),
        "rules": pa.table(
            {"name": [one.rule.name for one in rules], "kind": [one.rule.kind for one in rules]},
            schema=pa.schema([("name", pa.string()), ("kind", pa.string())]),
        ),
        "rule_rows": pa.concat_tables([ROWS.empty_table(), *(one.rows for one in rules)]),
    }
    tables |= {name: pq.read_table(folder / f"{name}.parquet") for name in ("lists", "reasons", "by_genre")}
    with closing(memory()) as con:
        for name, table in tables.items():
            con.register(name, table)
        sqlfiles.run(con, "shards/audited", None, said=sqlfiles.literal(said))
        audit(con, AUDITS)
