"""Prefect's database without any run, made once with the environment: a home's first start copies it.

``python -m flows.server.ready`` makes it, for the Prefect that is installed, under ``sys.prefix``. Without it a first
start runs Prefect's migrations, a few seconds each time. It is copied only as it was made, by its hash.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from recengine.config import Home
from recengine.runtime import durable

log = logging.getLogger("recengine")

_MIGRATE = """
import asyncio
from prefect.server.database import provide_database_interface
asyncio.run(provide_database_interface().create_db())
"""


def path_of(prefix: str = sys.prefix) -> Path:
    """Where it is kept for the Prefect that is installed; its SHA-256 stands beside it."""
    return Path(prefix) / "share" / "recengine" / f"prefect-{version('prefect')}.db"


def make(path: Path) -> None:
    """Let Prefect migrate an empty database, and keep it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, durable.new_file(path) as partial:
        made = Path(folder) / "prefect.db"
        here = {
            "PREFECT_HOME": folder,
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{made}",
        }
        subprocess.run([sys.executable, "-c", _MIGRATE], env=os.environ | here, cwd=folder, check=True)
        with closing(sqlite3.connect(made)) as con:
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            con.execute("VACUUM INTO ?", [str(partial)])
        _hash_of(path).write_text(_sum(partial), encoding="ascii")


def lay_out(home: Home) -> bool:
    """Give a home that has no database of Prefect's a copy; whether it got one."""
    target, path = home.prefect / "prefect.db", path_of()
    if target.exists() or not path.exists():
        return False
    if not _hash_of(path).exists() or _hash_of(path).read_text(encoding="ascii") != _sum(path):
        log.warning(
            "%s is not as it was made, so Prefect makes its database itself; "
            "make it anew with `python -m flows.server.ready`.",
            path,
        )
        return False
    with durable.scratch_folder(target) as folder:
        copy = folder / target.name
        copy.write_bytes(path.read_bytes())
        copy.chmod(0o600)
        durable.sync(copy)
        try:
            target.hardlink_to(copy)  # a database that a server has made meanwhile stays
        except FileExistsError:
            return False
    return True


def _hash_of(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    make(path_of())
