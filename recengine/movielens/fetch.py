"""One large file over HTTP, with patience: what has arrived stays, and the next call goes on from there.

``<part>`` holds the bytes that are here, ``<part>.from`` which version of which file they belong to. A server
that has another version by now, or that knows no ranges, makes us start over. (pooch, which downloads and checks in
one call, begins a broken file of hundreds of MB again from its first byte; httpx and tenacity leave this to do.)
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from recengine.errors import DownloadFailed

log = logging.getLogger(__name__)

ATTEMPTS = 5  # and as many again while they bring something
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 10.0  # between attempts, doubling
TIMEOUT = httpx.Timeout(30.0, connect=10.0)  # seconds without any byte
TRY_A_MIRROR = "try again later or set RECENGINE_DOWNLOAD_URL to a mirror of the folder that holds the zips"

Progress = Callable[[int, int | None], None]


class StartOver(Exception):
    """The partial file is no part of what the server has now; it was removed."""


def new_client() -> httpx.Client:
    """Open a client that asks for the bytes as they are: ranges and checksums are about those."""
    return httpx.Client(timeout=TIMEOUT, follow_redirects=True, headers={"Accept-Encoding": "identity"})


def fetch(client: httpx.Client, url: str, part: Path, on_progress: Progress) -> None:
    """Bring the whole file into ``part``, going on after what is there and trying again on transient faults.

    Parameters
    ----------
    client : httpx.Client
        From `new_client`.
    url : str
        Address of the file.
    part : Path
        Where its bytes go. On any error it keeps what has arrived.
    on_progress : callable
        Called with the bytes that are here and the size in bytes (None if the server does not say). The first
        number falls back if the server makes us start over.

    Raises
    ------
    httpx.HTTPStatusError, httpx.TransportError, StartOver
        After `ATTEMPTS` attempts that brought no new byte; at once where another is no use (as after 404).
    DownloadFailed
        If the server sends a web page.
    """
    most = _size(part)
    while True:
        try:
            _patiently()(_fetch_rest, client, url, part, on_progress)
            return
        except (httpx.HTTPError, StartOver) as error:
            if not _is_transient(error) or _size(part) <= most:
                raise
            most = _size(part)  # a line that breaks often, but brings something each time, gets there


def fetch_md5(client: httpx.Client, url: str) -> str | None:
    """Read a checksum file, ``<md5>  file`` or ``MD5 (file) = <md5>``.

    Returns
    -------
    str or None
        The checksum in lower case; None if the server has no such file.

    Raises
    ------
    httpx.HTTPStatusError, httpx.TransportError
        As `fetch` does.
    DownloadFailed
        If the file holds no checksum.
    """
    response: httpx.Response = _patiently()(_get_small, client, url)
    if response.status_code == 404:
        return None
    match = re.search(r"\b[0-9a-fA-F]{32}\b", response.text)
    if match is None:
        raise DownloadFailed(f"{url} holds no MD5 checksum; {TRY_A_MIRROR}.")
    return match[0].lower()


def discard(part: Path) -> None:
    """Remove a partial file and its note, if they are there."""
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _get_small(client: httpx.Client, url: str) -> httpx.Response:
    response = client.get(url)
    if response.status_code != 404:
        response.raise_for_status()
    return response


def _fetch_rest(client: httpx.Client, url: str, part: Path, on_progress: Progress) -> None:
    """Append to ``part`` what it lacks, or fetch all of it if the server has another version or no ranges."""
    have, version = _kept(part, url)
    headers = {"Range": f"bytes={have}-", "If-Range": version} if have else {}
    with client.stream("GET", url, headers=headers) as response:
        if have and response.status_code in (206, 416):
            total = _resumed_total(response, have, version, part)
        else:
            response.raise_for_status()
            _begin(response, url, part)
            have, total = 0, _content_length(response)
        on_progress(have, total)
        if response.status_code != 416:  # 416: nothing is lacking
            with part.open("ab", buffering=0) as out:  # unbuffered: a kill loses nothing that arrived
                for chunk in response.iter_raw():
                    out.write(chunk)
                    have += len(chunk)
                    on_progress(have, total)
    if total is not None and have != total:
        discard(part)
        raise StartOver(f"{have} bytes came instead of {total}")


def _kept(part: Path, url: str) -> tuple[int, str]:
    """Bytes that are here of this file, and the version they belong to; 0 where that is not known."""
    note = _note(part)
    if part.is_file() and note.is_file():
        noted_url, _, version = note.read_bytes().decode("ascii", errors="replace").partition("\n")
        if noted_url == url and version and version.isascii():
            return part.stat().st_size, version
    return 0, ""


def _begin(response: httpx.Response, url: str, part: Path) -> None:
    """Start an empty ``part``, then note its version: in this order old bytes never get a new version."""
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise DownloadFailed(
            f"{url} answered with a web page instead of a file; check that this machine reaches it without "
            f"logging in to a network, {TRY_A_MIRROR}."
        )
    part.write_bytes(b"")
    _note(part).write_text(f"{url}\n{_version(response)}", encoding="utf-8")


def _resumed_total(response: httpx.Response, have: int, version: str, part: Path) -> int | None:
    """Size of the whole file by a 206 or 416 answer, if that goes on exactly where ``part`` ends."""
    expected = rf"bytes {have}-\d+/(\d+|\*)" if response.status_code == 206 else rf"bytes \*/({have})"
    match = re.fullmatch(expected, response.headers.get("Content-Range", ""))
    if match is None or _version(response) not in ("", version):
        discard(part)
        raise StartOver(f"{response.url} no longer holds the file that {part} is a part of")
    log.info("going on with %s after %d bytes", response.url, have)
    return None if match[1] == "*" else int(match[1])


def _version(response: httpx.Response) -> str:
    """What If-Range may name (RFC 9110, 13.1.5): a strong ETag, else the date; else nothing."""
    etag: str = response.headers.get("ETag", "")
    modified: str = response.headers.get("Last-Modified", "")
    return etag if etag.startswith('"') else modified


def _content_length(response: httpx.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.from")


def _patiently() -> Retrying:
    return Retrying(
        retry=retry_if_exception(_is_transient),
        wait=wait_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
        stop=stop_after_attempt(ATTEMPTS),
        before_sleep=_log_retry,
        reraise=True,
    )


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    reason = str(error).partition("\n")[0] or type(error).__name__
    seconds = state.next_action.sleep if state.next_action else 0.0
    log.warning("attempt %d of %d: %s; again in %.1f s", state.attempt_number, ATTEMPTS, reason, seconds)


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code == 429
    transient = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError, StartOver)
    return isinstance(error, transient)
