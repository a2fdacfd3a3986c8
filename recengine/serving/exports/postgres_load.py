"""The one transaction in which PostgreSQL gets a publication: load beside, wait for readers, rename."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
from psycopg import errors, sql
from pyarrow import csv

from recengine.errors import BadInput
from recengine.serving.exports.postgres_cells import cell_of, type_of
from recengine.serving.exports.tables import Table, View, quoted
from recengine.warehouse import sqlfiles

log = logging.getLogger(__name__)

MANIFEST = "export_manifest"
ROWS_PER_BATCH = 100_000
# For readers who keep a transaction open on a table of before; their own work is never held up.
LOCK_WAIT_SECONDS, LOOK_SECONDS = 600.0, 0.25
_KINDS = {"r": "table", "v": "view"}


class Load:
    """One export into a schema; ``sent`` counts the bytes of its rows.

    Parameters
    ----------
    readers : DuckDBPyConnection
        The open published file.
    con : Connection
        Of the database, in no transaction yet; committing is left to whoever opened it.
    schema : str
        Made where it is missing. What an export of before made in it is replaced, nothing else is touched.
    version : str
        The publication's.
    """

    def __init__(
        self, readers: duckdb.DuckDBPyConnection, con: psycopg.Connection, schema: str, version: str
    ) -> None:
        self.readers, self.con, self.schema, self.version = readers, con, schema, version
        self.sent = 0

    def run(self, tables: Sequence[Table], views: Sequence[View]) -> int:
        """Load tables, make views and swap them in; returns the rows.

        Raises
        ------
        BadInput
            Something that is no export's stands in the way, or a reader did for too long.
        """
        self._begin()
        ours = self._ours()
        self._refuse_others(
            {table.name for table in tables} | {view.name for view in views} | {MANIFEST}, ours
        )
        rows = {table.name: self._load(table) for table in tables}
        self._write_manifest(rows, views)
        self._lock(list(ours))
        grants = self._rows("postgres_grants", list(ours))
        self._drop(ours)
        for name in (*rows, MANIFEST):
            self._do("ALTER TABLE {} RENAME TO {}", self._name(_loading(name)), sql.Identifier(name))
            self._do("COMMENT ON TABLE {} IS {}", self._name(name), self._comment(name, tables))
        for table in tables:
            self._rename_index(table)
        made = {*rows, MANIFEST, *(view.name for view in views if self._make(view))}
        self._grant(grant for grant in grants if grant[0] in made)
        return sum(rows.values())

    def _begin(self) -> None:
        """Take the schema for this export alone, and no time limit that a server has for people."""
        for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
            self._do(f"SET LOCAL {setting} = 0")
        self.con.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"recengine {self.schema}"])
        there = self.con.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [self.schema]).fetchone()
        if there is None:
            self._do("CREATE SCHEMA {}", sql.Identifier(self.schema))
        self._do("SET LOCAL search_path TO {}", sql.Identifier(self.schema))

    def _ours(self) -> dict[str, str]:
        """What the export of before made, "table" or "view" by name, the last that was made first."""
        if not self._rows("postgres_relations", [MANIFEST]):
            return {}
        listed = sql.SQL("SELECT name, kind FROM {} ORDER BY place DESC").format(self._name(MANIFEST))
        made: dict[str, str] = dict(self.con.execute(listed).fetchall())
        there: dict[str, str] = dict(self._rows("postgres_relations", list(made)))
        return {name: kind for name, kind in made.items() if _KINDS.get(there.get(name, "")) == kind}

    def _refuse_others(self, wanted: set[str], ours: dict[str, str]) -> None:
        if others := [name for name, _ in self._rows("postgres_relations", sorted(wanted - ours.keys()))]:
            raise BadInput(
                f"Nothing was exported: {self.schema}.{others[0]} is there and no export made it; name another "
                "schema at the end of the address, such as ?schema=recommendations."
            )

    def _load(self, table: Table) -> int:
        """A table under its loading name, with its rows, key, index, comments and statistics; returns the rows."""
        loading = self._name(_loading(table.name))
        columns = [
            sql.SQL("{} {}{}").format(
                sql.Identifier(column.name),
                _sql(type_of(column)),
                sql.SQL("" if column.nullable else " NOT NULL"),
            )
            for column in table.columns
        ]
        self._do("CREATE TABLE {} ({})", loading, sql.SQL(", ").join(columns))
        rows = 0
        # Frozen: a reader whose snapshot is older than the load would see empty tables otherwise.
        with self.con.cursor().copy(
            sql.SQL("COPY {} FROM STDIN (FORMAT csv, FREEZE)").format(loading)
        ) as copy:
            for batch in self._batches(table):
                text = _as_csv(batch)
                copy.write(text)
                rows, self.sent = rows + batch.num_rows, self.sent + len(text)
        self._index(table, loading)
        for column in table.columns:
            if column.comment:
                told = (loading, sql.Identifier(column.name), sql.Literal(column.comment))
                self._do("COMMENT ON COLUMN {}.{} IS {}", *told)
        self._do("ANALYZE {}", loading)
        return rows

    def _batches(self, table: Table) -> Iterator[pa.RecordBatch]:
        cells = ", ".join(map(cell_of, table.columns))
        query = f"SELECT {cells} FROM {quoted(table.name)} ORDER BY rowid"
        reader: Any = self.readers.sql(query).to_arrow_reader(ROWS_PER_BATCH)
        yield from reader

    def _index(self, table: Table, loading: sql.Composable) -> None:
        """The primary key; a table without one is found by the id that it begins with."""
        if table.key:
            keys = sql.SQL(", ").join(map(sql.Identifier, table.key))
            self._do(
                "ALTER TABLE {} ADD CONSTRAINT {} PRIMARY KEY ({})", loading, _index_of(table, "~"), keys
            )
        elif table.columns[0].name.endswith("_id"):
            first = sql.Identifier(table.columns[0].name)
            self._do("CREATE INDEX {} ON {} ({})", _index_of(table, "~"), loading, first)

    def _write_manifest(self, rows: dict[str, int], views: Sequence[View]) -> None:
        """What this export makes, in that order."""
        loading = self._name(_loading(MANIFEST))
        self._do(
            "CREATE TABLE {} "
            "(name text, kind text, place integer, rows bigint, version text, exported_at timestamptz)",
            loading,
        )
        made: list[tuple[str, str, int | None]] = [(name, "table", count) for name, count in rows.items()]
        made += [(view.name, "view", None) for view in views]
        made.append((MANIFEST, "table", len(made) + 1))
        with self.con.cursor() as cursor:
            insert = sql.SQL("INSERT INTO {} VALUES (%s, %s, %s, %s, %s, now())").format(loading)
            cursor.executemany(
                insert, [(name, kind, at, count, self.version) for at, (name, kind, count) in enumerate(made)]
            )

    def _lock(self, names: Sequence[str]) -> None:
        """Have the old tables to ourselves; whoever reads one now goes on, and nobody waits behind us."""
        if not names:
            return
        listed = sql.SQL(", ").join(map(self._name, names))
        until = time.monotonic() + LOCK_WAIT_SECONDS
        while True:
            try:
                with self.con.transaction():
                    self._do("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE NOWAIT", listed)
                return
            except errors.LockNotAvailable:
                if time.monotonic() > until:
                    raise BadInput(self._held(names)) from None
                time.sleep(LOOK_SECONDS)

    def _held(self, names: Sequence[str]) -> str:
        holders = self._rows("postgres_holders", names)
        told = ", ".join(f"process {pid} ({user}, {program or 'no name'})" for pid, user, program in holders)
        return (
            f"Nothing was exported: the tables of schema {self.schema} have been in use for "
            f"{LOCK_WAIT_SECONDS:.0f} s by {told or 'somebody'}, in a transaction that is still open; end it, then "
            "run `recengine export`."
        )

    def _drop(self, ours: dict[str, str]) -> None:
        for name, kind in ours.items():
            try:
                self._do(f"DROP {kind.upper()} {{}}", self._name(name))
            except errors.DependentObjectsStillExist as error:
                what = (error.diag.message_detail or "something else").splitlines()[0]
                raise BadInput(
                    f"Nothing was exported: {what}, and an export replaces what it made; drop it, and make such a "
                    "view again after each export, or a function instead, which holds no table back."
                ) from None

    def _rename_index(self, table: Table) -> None:
        if table.key or table.columns[0].name.endswith("_id"):
            self._do("ALTER INDEX {} RENAME TO {}", self._name(f"{table.name}_~key"), _index_of(table, ""))

    def _make(self, view: View) -> bool:
        """A view by the text that DuckDB has; one that only DuckDB understands is left out."""
        text = view.sql.strip().rstrip(";").partition(" AS ")[2]
        try:
            with self.con.transaction():
                self._do("CREATE VIEW {} AS {}", self._name(view.name), _sql(text))
                self._do("COMMENT ON VIEW {} IS {}", self._name(view.name), sql.Literal(view.comment))
        except psycopg.Error as error:
            log.info(
                "export: PostgreSQL does not take the view %s (%s)", view.name, error.diag.message_primary
            )
            return False
        return True

    def _grant(self, grants: Iterable[tuple[Any, ...]]) -> None:
        """Who could read a table of before can read the new one."""
        for name, grantee, privilege, grantable in grants:
            whom = sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee)
            option = sql.SQL(" WITH GRANT OPTION" if grantable else "")
            self._do(f"GRANT {privilege} ON {{}} TO {{}}{{}}", self._name(name), whom, option)

    def _comment(self, name: str, tables: Sequence[Table]) -> sql.Literal:
        if name == MANIFEST:
            return sql.Literal(
                "One row a table or view that recengine exported, and replaces with its next export"
            )
        return sql.Literal(next(table.comment for table in tables if table.name == name))

    def _name(self, name: str) -> sql.Identifier:
        return sql.Identifier(self.schema, name)

    def _rows(self, query: str, names: Sequence[str]) -> list[tuple[Any, ...]]:
        text = _sql(sqlfiles.load(f"exports/{query}"))
        return self.con.execute(text, {"schema": self.schema, "names": list(names)}).fetchall()

    def _do(self, statement: str, *parts: sql.Composable) -> None:
        self.con.execute(_sql(statement).format(*parts) if parts else _sql(statement))


def _loading(name: str) -> str:
    """What a table is called until the swap."""
    return f"{name}~loading"


def _index_of(table: Table, mark: str) -> sql.Identifier:
    return sql.Identifier(f"{table.name}_{mark}key")


def _sql(text: str) -> sql.SQL:
    """Text of our own, or a view's from a published file, which is our own too."""
    return sql.SQL(text)


def _as_csv(batch: pa.RecordBatch) -> bytes:
    """Rows as COPY reads them: what is missing has no quotes, an empty text has."""
    text = io.BytesIO()
    csv.write_csv(batch, text, csv.WriteOptions(include_header=False))
    return text.getvalue()
