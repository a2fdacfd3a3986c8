"""The lists of past versions, long after their files are gone: ``history/lists/<version>.parquet``.

One row is a user: user_id, variant, model_id, and the movies in order of rank. A file stands for itself, so that one
that is damaged, or removed for its age, takes no other with it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recengine.config import Home
from recengine.runtime import durable
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import memory

log = logging.getLogger(__name__)

LISTS = pa.schema(
    [
        ("user_id", pa.int64()),
        ("variant", pa.string()),
        ("model_id", pa.string()),
        ("movies", pa.list_(pa.field("element", pa.int64()))),
    ]
)
RANGE_USERS = 131_072  # in memory at a time
_VERSION = re.compile(r"(\d{8})-\d{6}-\d{3}\.parquet")


def path_of(home: Home, version: str) -> Path:
    """Where the lists of a version are kept."""
    return home.lists / f"{version}.parquet"


def kept(home: Home) -> list[str]:
    """Versions whose lists are kept, oldest first."""
    entries = home.lists.iterdir() if home.lists.is_dir() else ()
    return sorted(path.name.removesuffix(".parquet") for path in entries if _VERSION.fullmatch(path.name))


def complete(home: Home, files: Mapping[str, Path]) -> list[str]:
    """Keep the lists of published files whose lists are not kept yet; returns their versions.

    Parameters
    ----------
    home : Home
    files : mapping of str to Path
        Published files by version; one that cannot be read is left out.
    """
    made = []
    for version, file in files.items():
        if path_of(home, version).exists():
            continue
        try:
            keep(home, version, file)
        except duckdb.Error as error:
            log.warning(
                "publish: the lists of version %s cannot be read, so they are not kept (%s)", version, error
            )
        else:
            made.append(version)
    return made


def keep(home: Home, version: str, file: Path) -> Path:
    """Write the lists of a published file, whole or not at all; returns where."""
    home.lists.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = path_of(home, version)
    # Attached, because an open reader in this process would make a connection see its file of before.
    with memory() as con, durable.new_file(path) as partial:
        con.execute(f"ATTACH {sqlfiles.path_literal(file)} AS published (READ_ONLY)")
        con.execute("USE published")
        _write(partial, _lists_in(con))
        partial.chmod(0o600)
    return path


def problem_of(path: Path) -> str | None:
    """What is wrong with a file of lists, after all of it was read; None where nothing is."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if file.schema_arrow != LISTS:
                return "its columns are others"
            for _ in file.iter_batches():
                pass
    except (pa.ArrowException, OSError) as error:
        return " ".join(str(error).split())[:160]
    return None


def sound(home: Home, version: str) -> Path | None:
    """The lists of a version, read over; one that is damaged is set aside and counts as absent from then on."""
    path = path_of(home, version)
    if not path.exists():
        return None
    if problem := problem_of(path):
        durable.set_aside(path, problem, f"ratings made while version {version} was live are counted no more")
        return None
    return path


def users_in(path: Path, users: Sequence[int]) -> set[int]:
    """Which of these users have a list in a file."""
    with memory() as con:
        rows = f"read_parquet({sqlfiles.scan_of(path)})"
        query = f"SELECT user_id FROM {rows} WHERE list_contains(?::BIGINT[], user_id)"
        return {user for (user,) in con.execute(query, [list(users)]).fetchall()}


def without(home: Home, users: Sequence[int], put: Callable[[Path, Path], None]) -> list[str]:
    """Take users out of all lists; returns the versions whose files were written anew, or removed as damaged.

    Parameters
    ----------
    home : Home
    users : sequence of int
        User ids.
    put : callable
        Puts a new file in the place of an old one.
    """
    changed, gone = [], pa.array(list(users), pa.int64())
    for version in kept(home):
        path = path_of(home, version)
        if problem := problem_of(path):
            log.warning("forget: the lists of version %s are damaged (%s) and are removed", version, problem)
            path.unlink()
            changed.append(version)
        elif users_in(path, users):
            with durable.new_file(path.with_suffix(".fresh")) as partial, pq.ParquetFile(path) as old:
                kept_rows = (
                    batch.filter(pc.invert(pc.is_in(batch["user_id"], gone)))
                    for batch in old.iter_batches(RANGE_USERS)
                )
                _write(partial, kept_rows)
            put(path.with_suffix(".fresh"), path)
            changed.append(version)
    return changed


def prune(home: Home, days: int, needed: Sequence[str]) -> int:
    """Remove the lists of versions published more than some days ago, but for those still needed; how many."""
    oldest = f"{datetime.now(UTC) - timedelta(days=days):%Y%m%d}"
    old = [version for version in kept(home) if version < oldest and version not in needed]
    for version in old:
        path_of(home, version).unlink()
    return len(old)


def _lists_in(con: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
    """The lists of the published file in use, a range of users at a time."""
    has_variant = con.execute(
        "SELECT 1 FROM duckdb_columns() WHERE table_name = 'recommendations' AND column_name = 'variant'"
    ).fetchone()
    variant = "variant" if has_variant else "NULL::VARCHAR"
    query = sqlfiles.load("outcomes/lists", variant=variant)
    for first, last in sqlfiles.run(con, "outcomes/user_ranges", {"users": RANGE_USERS}).fetchall():
        part = con.sql(query, params={"first": first, "last": last})
        yield from part.to_arrow_table().cast(LISTS).to_batches()


def _write(path: Path, batches: Iterator[pa.RecordBatch]) -> None:
    options = {
        "compression": "zstd",
        "use_dictionary": ["variant", "model_id", "movies.list.element"],
        "column_encoding": {"user_id": "DELTA_BINARY_PACKED"},
        "write_page_checksum": True,
    }
    with pq.ParquetWriter(path, LISTS, **options) as writer:
        for batch in batches:
            writer.write_batch(batch)
