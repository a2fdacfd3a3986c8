"""PostgreSQL: every published table beside those of before, then a swap by rename, all in one transaction.

A reader in a transaction sees all old tables or all new ones: who has read one of the old ones holds a lock on it,
for which the swap waits without queueing, so that it keeps nobody waiting either; and rows are loaded frozen, so
that even a snapshot older than the load has all of them. Whatever fails or is killed leaves the old tables.
"""

from __future__ import annotations

import logging
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from recengine.config import Home
from recengine.errors import BadInput
from recengine.runtime.addresses import SECRET_REFUSED, has_secret, is_place, looked_up, shown
from recengine.serving.exports.exporter import Exporter
from recengine.serving.exports.tables import tables_of, views_of
from recengine.serving.versions import publication_in
from recengine.warehouse.connection import published

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger(__name__)

SCHEMA = "recengine"
_SCHEMES = ("postgresql://", "postgres://")


class Postgres(Exporter):
    """The published tables as tables of a PostgreSQL database, in a schema of their own."""

    def check(self) -> None:
        """Refuse what is no address of a database, or has a password in it."""
        if find_spec("psycopg") is None:
            raise BadInput("An export to PostgreSQL needs psycopg: pip install 'recengine[postgres]'.")
        if not is_place(self.destination):
            _checked(self.destination)
            if has_secret(self.destination):
                raise BadInput(f"{SECRET_REFUSED}.")

    def export(self, home: Home, path: Path) -> None:
        """Load the tables of the current version and swap them in."""
        self.check()
        import psycopg

        from recengine.serving.exports.postgres_load import Load

        began = time.perf_counter()
        address = _checked(looked_up(self.destination))
        conninfo, schema = split(address)
        try:
            with (
                published(path) as readers,
                psycopg.connect(conninfo, fallback_application_name="recengine") as con,
            ):
                load = Load(readers, con, schema, publication_in(readers).version)
                rows = load.run(tables_of(readers), views_of(readers))
        except psycopg.Error as error:
            raise BadInput(
                f"Nothing was exported to {shown(address)} ({_said(error, conninfo)}); what is there stays. Who "
                "connects, and with what password, is told by the environment: PGUSER, PGPASSWORD or a .pgpass file."
            ) from None
        log.info(
            "export: %s rows in schema %s of %s, %.1f MB sent in %.2f s",
            f"{rows:,}",
            schema,
            shown(address),
            load.sent / 1e6,
            time.perf_counter() - began,
        )


def split(address: str) -> tuple[str, str]:
    """What libpq is given, and the schema: ``?schema=NAME``, which libpq does not know."""
    base, _, query = address.partition("?")
    named = parse_qsl(query, keep_blank_values=True)
    schema = dict(named).get("schema") or SCHEMA
    rest = urlencode([pair for pair in named if pair[0] != "schema"])
    return (f"{base}?{rest}" if rest else base), schema


def _checked(address: str) -> str:
    """An address of a database, which is not repeated: it may hold anything."""
    if not address.startswith(_SCHEMES):
        raise BadInput(
            "An export to PostgreSQL needs the address of a database, such as postgresql://host/database, or where "
            "one is kept, such as env:DATABASE_URL."
        )
    return address


def _said(error: psycopg.Error, conninfo: str) -> str:
    """PostgreSQL's words on one line, without a password that it may quote from an address that it cannot read."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        password = str(conninfo_to_dict(conninfo).get("password") or "")
    except ProgrammingError:
        return "it is no address that PostgreSQL can read"
    text = " ".join(str(error).split())[:300].rstrip(".")
    return text.replace(password, "***") if password else text
