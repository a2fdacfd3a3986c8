"""Prefect's server for one command: a process that serves a given socket until its stdin closes.

``python -m flows.server.temporary FD``. Whatever ends the command, kill -9 too, closes the pipe and with it this.
"""

from __future__ import annotations

import os
import sys
import threading

import uvicorn
from prefect.server.api.server import create_app

from flows.server import auth
from flows.server.guard import Guard


def main(fd: int) -> None:
    """Serve on the listening socket ``fd``; Ctrl-C is for the command, which ends this one itself."""
    app = Guard(create_app(ephemeral=True, final=True), os.environ[auth.SERVER])
    server = uvicorn.Server(uvicorn.Config(app, fd=fd, log_level="error", lifespan="on"))

    def stop_with_the_command() -> None:
        os.read(sys.stdin.fileno(), 1)  # nothing is ever written: it returns when the pipe closes
        server.should_exit = True

    threading.Thread(target=stop_with_the_command, daemon=True).start()
    server.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
