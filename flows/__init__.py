"""Prefect flows over the engine, and the command line.

Importing this settles what must stand before Prefect is imported.
"""

import logging
import os

# The engine logs with the standard library; Prefect shows it in the UI under the task that ran it.
os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "recengine")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
# A temporary server on a busy machine may take longer than Prefect's 20 s.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
logging.getLogger("recengine").setLevel(logging.INFO)
