"""Which type of PostgreSQL a column of DuckDB becomes, and the text of a cell that PostgreSQL's COPY reads."""

from __future__ import annotations

import re

from recengine.serving.exports.tables import Column, quoted

_SAME = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "UTINYINT": "smallint",
    "SMALLINT": "smallint",
    "USMALLINT": "integer",
    "INTEGER": "integer",
    "UINTEGER": "bigint",
    "BIGINT": "bigint",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
}
_AS_TEXT = {"UBIGINT": "numeric", "HUGEINT": "numeric", "UHUGEINT": "numeric", "UUID": "uuid", "TIME": "time"}
_IN_LISTS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "BOOLEAN", "DATE"}
_LIST = re.compile(r"([A-Z]+)\[\d*\]")


def type_of(column: Column) -> str:
    """PostgreSQL's type: a list of plain values is an array, what is nested deeper jsonb, what it lacks text."""
    if column.type in _SAME:
        return _SAME[column.type]
    if found := _LIST.fullmatch(column.type):
        if found[1] == "VARCHAR":
            return "text[]"
        if found[1] in _IN_LISTS:
            return f"{_SAME[found[1]]}[]"
    if column.is_nested or column.type == "JSON":
        return "jsonb"
    if column.type.startswith("DECIMAL("):
        return column.type.replace("DECIMAL", "numeric")
    return _AS_TEXT.get(column.type, "text")


def cell_of(column: Column) -> str:
    """DuckDB's expression of a column as COPY reads it: PostgreSQL's text has no NUL, so U+FFFD stands for it."""
    name = quoted(column.name)
    kind = type_of(column)
    if column.type in _SAME:
        return name
    if kind == "text[]":
        escaped = r"""'"' || replace(replace(replace(x, chr(0), '�'), '\', '\\'), '"', '\"') || '"'"""
        return _array(name, escaped)
    if kind.endswith("[]"):
        return _array(name, "x::VARCHAR")
    if kind == "jsonb":
        return rf"replace(to_json({name})::VARCHAR, '\u0000', '\ufffd') AS {name}"
    return f"replace({name}::VARCHAR, chr(0), '�') AS {name}"


def _array(name: str, element: str) -> str:
    """PostgreSQL's writing of an array: ``{"a","b",NULL}``."""
    elements = f"list_transform({name}, lambda x: coalesce({element}, 'NULL'))"
    listed = f"'{{' || coalesce(array_to_string({elements}, ','), '') || '}}'"
    return f"CASE WHEN {name} IS NOT NULL THEN {listed} END AS {name}"
