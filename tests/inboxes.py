"""A webhook of our own for tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Inbox:
    """Where the webhook listens, and the messages it got."""

    url: str
    messages: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def inbox(status: int = 204, path: str = "hook") -> Iterator[Inbox]:
    """A webhook that keeps what it gets and answers with a status."""
    found = Inbox("")

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *given: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found.url = f"http://127.0.0.1:{server.server_port}/{path}"
        yield found
        server.shutdown()
