"""Prefect flows over the engine, and the command line.

Importing this settles what must stand before Prefect is imported.
"""

import logging
import os

from flows.server.surroundings import keep_loopback_direct

# The engine logs with the standard library; Prefect shows it in the UI under the task that ran it.
OWN = {
    "PREFECT_LOGGING_EXTRA_LOGGERS": "recengine",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # A temporary server on a busy machine may take longer than Prefect's 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
for name, value in OWN.items():
    os.environ.setdefault(name, value)
logging.getLogger("recengine").setLevel(logging.INFO)
keep_loopback_direct(os.environ)
