"""The inputs that were published (``ops.inputs``): figures that tell when a night's data is unlike before."""

from __future__ import annotations

import duckdb

from recengine.warehouse import sqlfiles
from recengine.warehouse.history import contents


def note(con: duckdb.DuckDBPyConnection, input_fingerprint: str) -> None:
    """Note what the core tables hold, if it is the input of this fingerprint."""
    known = "FROM ops.inputs WHERE input_fingerprint = ?"
    if contents.input_of(con) == input_fingerprint and not con.execute(known, [input_fingerprint]).fetchone():
        sqlfiles.run(con, "history/note_inputs")
