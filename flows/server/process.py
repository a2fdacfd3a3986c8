"""Prefect's server for this box: ``prefect server start`` behind our guard, never without an auth string."""

from __future__ import annotations

import os

import uvicorn

from flows.server import auth, database
from flows.server.busy_retry import RetryWhenBusy
from flows.server.guard import Guard, is_loopback
from flows.server.settings import AUTH, address_of
from recengine.config import Home
from recengine.errors import BadInput


def main() -> None:
    """Serve until a signal; host, port and everything else come from Prefect's settings."""
    generated = None if os.environ.get(AUTH) else auth.generated(Home.at())
    if generated is not None:
        os.environ[AUTH] = generated
    database.prepare(Home.at())
    from prefect.server.api.server import create_app  # reads the settings when it is imported
    from prefect.settings import get_current_settings

    settings = get_current_settings().server
    if generated is not None and not is_loopback(settings.api.host):
        raise BadInput(f"{settings.api.host} can be reached from elsewhere: set {AUTH}=user:password first.")
    where = Home.at().prefect / "api_url"  # commands on this home find the server by it
    where.write_text(f"{address_of(settings.api.host, settings.api.port)}/api\n")
    try:
        uvicorn.run(
            Guard(
                RetryWhenBusy(create_app(final=True)), generated, settings.api.cors_allowed_origins.split(",")
            ),
            host=settings.api.host,
            port=settings.api.port,
            log_level=settings.logging_level.lower(),
            timeout_keep_alive=settings.api.keepalive_timeout,
        )
    finally:
        where.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
