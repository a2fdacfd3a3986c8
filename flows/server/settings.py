"""The environment that server, worker and flow runs share: private, quiet, and safe after a crash.

``recengine.env.example`` says the same for the service units.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from flows.server import auth
from flows.server.environment import bypass_proxies_for_loopback, settings_of_others
from flows.server.guard import is_loopback
from recengine.config import Home
from recengine.errors import BadInput

ROOT = Path(__file__).resolve().parents[2]
POOL = "recengine"
ORIGINS = "PREFECT_SERVER_CORS_ALLOWED_ORIGINS"
AUTH = auth.SERVER

# A flow run says every 30 s that it lives; after three silent periods it counts as crashed.
HEARTBEAT_SECONDS = 30
ZOMBIE_AFTER_SECONDS = 90
# From being handed to a worker to the first sign of life: imports, on a busy box. A slot's lease is as long.
START_WITHIN_SECONDS = 300
KEEP_RUNS_DAYS = 90

# A setting that stands in the caller's environment wins over these.
DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    # In memory, a slot held when the server dies is never given back.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    # A run that waits for another one of its deployment looks this often whether it may start.
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "10",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(KEEP_RUNS_DAYS * 86_400),
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
    "PREFECT_LOGGING_EXTRA_LOGGERS": "recengine",
}


def server_environment(
    home: Home, host: str, port: int, caller: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The environment of server, worker and set-up.

    Parameters
    ----------
    home : Home
        Prefect's own files go to ``<home>/prefect``.
    host, port
        Where the server listens.
    caller : mapping
        The caller's environment.

    Raises
    ------
    BadInput
        ``host`` can be reached from elsewhere and no auth string is set.
    """
    if not is_loopback(host) and not caller.get(AUTH):
        raise BadInput(
            f"--host {host} lets everyone who reaches this machine start runs: set {AUTH}=user:password "
            "first, or leave --host out."
        )
    address = address_of(host, port)
    chosen = {
        "PREFECT_HOME": str(home.prefect),
        "PREFECT_PROFILES_PATH": str(home.prefect / "profiles.toml"),
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_SERVER_API_HOST": host,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        # The server unpacks its pages here, not into the installation, which may belong to somebody else.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home.prefect / "ui"),
        "PREFECT_UI_API_URL": "/api",  # as the browser sees the server, whatever its name for it
        # The server's own pages, and those that the user says.
        ORIGINS: ",".join(
            filter(None, (f"http://127.0.0.1:{port},http://localhost:{port}", caller.get(ORIGINS)))
        ),
        "RECENGINE_HOME": str(home.root),
        "RECENGINE_ROOT": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }
    inherited = {name: value for name, value in caller.items() if name not in settings_of_others(caller)}
    if credentials := caller.get(AUTH):
        chosen[auth.CLIENT] = credentials
    settled = {**DEFAULTS, **inherited, **chosen}
    bypass_proxies_for_loopback(settled)
    return settled


def address_of(host: str, port: int) -> str:
    """The server's address for this machine's own processes."""
    name = host if is_loopback(host) else "127.0.0.1"
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
