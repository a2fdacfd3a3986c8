"""Prefect flows over the engine, and the command line.

Importing this settles what must stand before Prefect is imported.
"""

import logging
import os

from flows.server.surroundings import OWN, keep_loopback_direct

for name, value in OWN.items():
    os.environ.setdefault(name, value)
logging.getLogger("recengine").setLevel(logging.INFO)
keep_loopback_direct(os.environ)
