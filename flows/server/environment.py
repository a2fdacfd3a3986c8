"""The inherited environment, as far as it would mislead: proxy configuration, and other projects' Prefect settings.

Prefect's server is on this machine's loopback. A proxy in the environment must not be asked for it, and a Prefect
profile, address or key of somebody's other project must not decide which server a command talks to.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, MutableMapping

log = logging.getLogger("recengine")

# The engine logs with the standard library; Prefect shows it in the UI under the task that ran it.
OWN = {
    "PREFECT_LOGGING_EXTRA_LOGGERS": "recengine",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # A temporary server on a busy machine may take longer than Prefect's 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}

_DIRECT = ("127.0.0.1", "localhost", "::1")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
# Who a client is and whom it talks to; where the API lies below an address. The rest may be set for a server of ours.
_OF_OTHERS = (
    "PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_API_TLS", "PREFECT_API_SSL",
    "PREFECT_PROFILE", "PREFECT_ACTIVE_PROFILE", "PREFECT_CLOUD_", "PREFECT_CLIENT_", "PREFECT_SERVER_API_BASE_PATH",
    "PREFECT_SERVER_EPHEMERAL_ENABLED", "PREFECT_TEST_MODE", "PREFECT_UNIT_TEST_MODE", "PREFECT__",
)  # fmt: skip


def bypass_proxies_for_loopback(environment: MutableMapping[str, str]) -> None:
    """No proxy is asked for the loopback; a proxy that cannot be used at all goes, and a warning says so."""
    no_proxy = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if no_proxy.strip() != "*":
        exempt = [name.strip() for name in no_proxy.split(",") if name.strip()]
        no_proxy = ",".join([*exempt, *(name for name in _DIRECT if name not in exempt)])
    environment["NO_PROXY"] = environment["no_proxy"] = no_proxy
    for name in [name for name in environment if name.lower() in _PROXIES and environment[name]]:
        if problem := _unusable(environment[name]):
            log.warning("%s cannot be used and is left out: %s", name, problem)
            del environment[name]


def _unusable(proxy: str) -> str | None:
    """Why no client of ours can have this proxy: every one would fail, also for the loopback."""
    import httpx  # only where there is a proxy

    try:
        httpx.Client(proxy=proxy if "://" in proxy else f"http://{proxy}").close()
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        return str(error)
    return None


def settings_of_others(environment: Iterable[str]) -> list[str]:
    """Names of settings that would lead a server or worker of ours astray."""
    return [name for name in environment if name.startswith(_OF_OTHERS)]


def prefect_settings(environment: Mapping[str, str]) -> list[str]:
    """Names of all of Prefect's settings: a command on its own has no use for any of them."""
    return [name for name in environment if name.startswith("PREFECT_")]
