"""Data frames as a source: each becomes a Parquet file, and is then read as any file is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recengine.errors import BadInput
from recengine.movielens.spellings import NEEDED, Role, columns_of, usual


def is_frame(source: object) -> bool:
    """Whether something is a table: pandas, Arrow, Polars, DuckDB's, or a mapping of columns."""
    return isinstance(source, pa.Table | pa.RecordBatch | Mapping) or hasattr(source, "__arrow_c_stream__")


def table_of(frame: Any, role: Role) -> pa.Table:
    """A frame as an Arrow table of plain columns, checked.

    Parameters
    ----------
    frame : DataFrame, Table, mapping of columns, or anything with ``__arrow_c_stream__``
        What ``is_frame`` takes.
    role : "ratings", "movies" or "users"
        What its rows are.

    Raises
    ------
    BadInput
        It is no frame, has no row, lacks a column, or an id is missing.
    """
    if not is_frame(frame):
        raise BadInput(
            f"The {role} are a {type(frame).__name__}; give a pandas, Polars or Arrow table of them."
        )
    table = pa.table(dict(frame) if isinstance(frame, Mapping) else frame)
    if not table.num_rows:
        raise BadInput(f"The table of {role} has no row; give at least one.")
    places = columns_of(table.column_names, role)
    lacking = [usual(column) for column in NEEDED[role] if column not in places]
    if lacking:
        raise BadInput(
            f"The table of {role} lacks {' and '.join(lacking)} under any usual name; its columns are "
            f"{', '.join(table.column_names)}."
        )
    for column in NEEDED[role]:
        if missing := table.column(places[column]).null_count:
            name = table.column_names[places[column]]
            raise BadInput(f"{missing:,} of {table.num_rows:,} {role} have no {name}; leave those rows out.")
    return pa.table([_plain(column) for column in table.columns], names=table.column_names)


def write(tables: Mapping[Role, pa.Table], folder: Path) -> None:
    """Put tables into a folder that is then recognised as a source."""
    for role, table in tables.items():
        pq.write_table(table, folder / f"{role}.parquet")


def text_ids(ratings: pa.Table, column: str) -> list[str] | None:
    """The different ids in a column of ratings that holds text; None where it does not."""
    ids = ratings.column(columns_of(ratings.column_names, "ratings")[column])
    is_text = pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)
    return pc.unique(ids).to_pylist() if is_text else None


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without the dictionary of a categorical column, and as text that every reader and kernel knows."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = _known(kind.value_type)
        # not by a cast: Arrow has none for Polars' dictionaries of views
        parts = [chunk.dictionary.cast(kind).take(chunk.indices) for chunk in column.chunks]
        return pa.chunked_array(parts, kind)
    return column.cast(_known(kind))


def _known(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_string_view(kind) else kind
