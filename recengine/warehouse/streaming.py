"""A table's rows replaced by a stream of Arrow batches."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa


def replace_rows(
    con: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]
) -> int:
    """Replace a table's rows by a stream of batches, which DuckDB pulls as it writes; returns how many.

    Raises
    ------
    Exception
        What making a batch raised.
    """
    con.execute(f"DELETE FROM {table}")
    raised: list[Exception] = []
    con.register("scored", pa.RecordBatchReader.from_batches(schema, _noting(batches, raised)))
    try:
        row = con.execute(f"INSERT INTO {table} SELECT * FROM scored").fetchall()
    except duckdb.Error as error:  # the transaction is lost, and the registration with it
        raise (raised or [error])[0] from error
    con.unregister("scored")
    return int(row[0][0])


def _noting(batches: Iterator[pa.RecordBatch], raised: list[Exception]) -> Iterator[pa.RecordBatch]:
    """The same batches; what making one raised is noted, because DuckDB would pass on only its text."""
    try:
        yield from batches
    except Exception as error:
        raised.append(error)
        raise
