"""Prefect flows over the engine, and the command line.

Importing this settles what must stand before Prefect is imported.
"""

import logging
import os

from flows.server.environment import OWN, bypass_proxies_for_loopback

for name, value in OWN.items():
    os.environ.setdefault(name, value)
logging.getLogger("recengine").setLevel(logging.INFO)
bypass_proxies_for_loopback(os.environ)
