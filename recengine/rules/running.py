"""Rules are run: each query's rows, checked, with ids as the snapshot has them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recengine.errors import BadInput
from recengine.rules.files import COLUMNS, Rule
from recengine.warehouse import sqlfiles

log = logging.getLogger(__name__)

MOST = 1_000_000  # movies of one value that a cap may allow; no list is as long
PINS = 100  # movies that one rule may pin for everybody: they stand in memory once for each user

ROWS = pa.schema(
    [
        ("rule", pa.string()),
        ("user_id", pa.int64()),
        ("movie_id", pa.int64()),
        ("value", pa.string()),
        ("weight", pa.float64()),
        ("position", pa.int64()),
    ]
)
_TYPES = {
    "user_id": "BIGINT",
    "movie_id": "BIGINT",
    "value": "VARCHAR",
    "weight": "DOUBLE",
    "position": "BIGINT",
}


@dataclass(frozen=True)
class Ran:
    """What a rule's query gave.

    Attributes
    ----------
    rule : Rule
    rows : Table
        Columns of ``ROWS``; user_id is null where a row is for everybody.
    per_user : bool
        Whether its rows name users.
    most : int or None
        Of a cap.
    unknown : int
        Rows left out because no film or user of that id is there.
    users : ndarray of int64
        Whom its rows name, known or not: also by rows that were left out, since who may have nothing but an unknown
        movie may not have everything.
    """

    rule: Rule
    rows: pa.Table
    per_user: bool
    most: int | None
    unknown: int
    users: NDArray[np.int64]


def ran(con: duckdb.DuckDBPyConnection, rules: Sequence[Rule]) -> list[Ran]:
    """Run rules over the core and feature tables; nothing is kept.

    Raises
    ------
    BadInput
        A query fails, or its columns or values are not those of its kind.
    """
    return [_run(con, rule) for rule in rules]


def _run(con: duckdb.DuckDBPyConnection, rule: Rule) -> Ran:
    query = f"SELECT * FROM (\n{rule.query}\n)"
    try:
        found: pa.Table = con.sql(query, params=rule.parameters or None).to_arrow_table()
    except duckdb.Error as error:
        problem = str(error).strip().splitlines()[0]
        raise BadInput(f"{rule.path} cannot be run ({problem}); mend it or take it away.") from error
    names = [name.lower() for name in found.column_names]
    must, may = COLUMNS[rule.kind]
    if set(must) - set(names) or set(names) - {*must, *may} or len(set(names)) < len(names):
        optional = f" and may give {', '.join(may)}" if may else ""
        raise BadInput(
            f"{rule.path} gives the columns {', '.join(names)}; a rule of this kind must give "
            f"{', '.join(must)}{optional}, and nothing else."
        )
    one = _checked(con, rule, found.rename_columns(names))
    if not len(one.rows):
        log.warning("rules: %s names nobody and nothing known", rule.name)
    return one


def _checked(con: duckdb.DuckDBPyConnection, rule: Rule, found: pa.Table) -> Ran:
    most = _most(rule, found) if rule.kind == "cap" else None
    _refuse_fractions(rule, found)
    columns = {
        name: f"{name}::{kind}" if name in found.column_names else f"NULL::{kind}"
        for name, kind in _TYPES.items()
    }
    per_user = "user_id" in found.column_names
    con.register("rule_found", found)
    try:
        told: dict[str, object] = {"rule": rule.name, "per_user": per_user}
        rows: pa.Table = con.sql(sqlfiles.load("rules/rows", **columns), params=told).to_arrow_table()
    except duckdb.Error as error:
        problem = str(error).strip().splitlines()[0]
        raise BadInput(
            f"{rule.path} gives values that are none of its columns' ({problem}); mend it."
        ) from error
    finally:
        con.unregister("rule_found")
    _refuse_nulls(rule, rows)
    known = rows.filter(pc.fill_null(rows["known"], False)).drop_columns(["known"]).cast(ROWS)
    if rule.kind == "pin" and not per_user and len(known) > PINS:
        raise BadInput(
            f"{rule.path} pins {len(known):,} movies for everybody, more than {PINS}; name fewer, with a LIMIT."
        )
    users = pc.unique(rows["user_id"].drop_null()).to_numpy()
    return Ran(rule, known, per_user, most, len(rows) - len(known), users)


def _most(rule: Rule, found: pa.Table) -> int:
    """How many movies of a value a list may hold: one whole number for the rule, 1 at least."""
    told = set(pc.unique(found["most"]).to_pylist())
    if not told:
        return 1
    if len(told) > 1 or type(most := told.pop()) is not int or not 1 <= most <= MOST:
        raise BadInput(
            f"{rule.path} must give one whole number, 1 to {MOST:,}, as most in all its rows; mend it."
        )
    return int(most)


def _refuse_fractions(rule: Rule, found: pa.Table) -> None:
    """Whole numbers only, or texts of them: what a cast rounds is another movie."""
    for name in {"user_id", "movie_id", "position"} & set(found.column_names):
        kind = found.schema.field(name).type
        whole = pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)
        if not (whole or pa.types.is_string(kind) or pa.types.is_null(kind)):
            raise BadInput(
                f"{rule.path} gives {name} as {kind}, not as a whole number; give it as one, with a cast to BIGINT."
            )


def _refuse_nulls(rule: Rule, rows: pa.Table) -> None:
    checked = {"weight": rule.kind == "boost", "value": rule.kind == "cap"}
    for name in (name for name, needed in checked.items() if needed):
        if rows[name].null_count:
            raise BadInput(
                f"{rule.path} gives rows without {name}; leave them out with a WHERE, or give them one."
            )
    if rule.kind == "boost" and not pc.all(pc.less_equal(pc.abs(rows["weight"]), 1e6), min_count=0).as_py():
        raise BadInput(
            f"{rule.path} gives a weight that is no number or beyond a million standard deviations of a user's "
            "scores; about 1 is strong."
        )
