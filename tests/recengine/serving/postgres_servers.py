"""A real PostgreSQL of the test's own: a fresh cluster in a scratch folder, on a free port of this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PASSWORD = "hunter2"  # of the user recs, who owns the database recs
HOW_TO_HAVE_ONE = "no PostgreSQL server on this machine: apt-get install --no-install-recommends postgresql"


def _programs() -> Path | None:
    """The folder of initdb and postgres: on PATH, or where Debian puts them."""
    found = [Path(os.path.realpath(there)).parent] if (there := shutil.which("initdb")) else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in found if (folder / "postgres").exists()), None)


def _account() -> str | None:
    """Whom the server runs as: PostgreSQL refuses root."""
    if os.geteuid():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server() -> Iterator[str]:
    """Start one that asks for a password; yields the address of the database recs, without one."""
    programs = _programs()
    if programs is None:
        pytest.skip(HOW_TO_HAVE_ONE)
    folder, account, port = (
        Path(tempfile.mkdtemp(prefix="recengine-postgres-", dir="/tmp")),
        _account(),
        _free_port(),
    )
    try:
        (folder / "password").write_text(PASSWORD)
        if account:
            for path in (folder, folder / "password"):
                shutil.chown(path, account)
        data = folder / "data"
        init = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "recs",
            "--pwfile",
            folder / "password",
            "-A",
            "scram-sha-256",
        ]
        subprocess.run(
            [*init, "-E", "UTF8", "--no-sync"], check=True, capture_output=True, user=account, cwd=folder
        )
        control = [programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off -c log_statement=all"
        subprocess.run(
            [*control, "-o", options, "start"],
            check=True,
            stdout=subprocess.DEVNULL,
            user=account,
            cwd=folder,
        )
        try:
            yield f"postgresql://recs@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run(
                [*control, "-m", "immediate", "stop"],
                check=False,
                capture_output=True,
                user=account,
                cwd=folder,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
