"""Prefect's server for this box: ``prefect server start``, deaf to requests under a foreign host name.

A web page can let its own name point to 127.0.0.1 (DNS rebinding); the browser then takes our server for the
page's own, and neither CORS nor CSRF protection helps. Without an auth string the server therefore answers
only under the names of the loopback. With one it may have any name: a page does not know the password.
"""

from __future__ import annotations

import os

import uvicorn
from prefect.server.api.server import create_app
from prefect.settings import get_current_settings
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp

from deployments.settings import AUTH, is_loopback
from recengine.errors import BadInput

LOOPBACK_NAMES = ("127.0.0.1", "localhost")


def guarded(app: ASGIApp, auth: str | None) -> ASGIApp:
    """The app, answering with status 400 under foreign names unless there is an auth string."""
    return app if auth else TrustedHostMiddleware(app, allowed_hosts=LOOPBACK_NAMES, www_redirect=False)


def main() -> None:
    """Serve until a signal; host, port and everything else come from Prefect's settings."""
    settings = get_current_settings().server
    auth = os.environ.get(AUTH)
    if not auth and not is_loopback(settings.api.host):
        raise BadInput(f"{settings.api.host} can be reached from elsewhere: set {AUTH}=user:password first.")
    uvicorn.run(
        guarded(create_app(final=True), auth),
        host=settings.api.host,
        port=settings.api.port,
        log_level=settings.logging_level.lower(),
        timeout_keep_alive=settings.api.keepalive_timeout,
    )


if __name__ == "__main__":
    main()
