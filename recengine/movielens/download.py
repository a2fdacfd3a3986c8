"""A release from GroupLens, fetched, checked and unpacked: wholly there, or not at all.

The zip arrives in ``<target>.zip.part``, where the next call goes on if one breaks off or is killed. It is
checked against the checksum GroupLens publishes and against its own, unpacked beside the target and removed;
the unpacked folder then gets its name in one step.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import httpx
from filelock import FileLock, Timeout

from recengine.errors import BadInput, BadSource, DownloadFailed
from recengine.movielens import archive
from recengine.movielens.fetch import (
    TRY_A_MIRROR,
    Progress,
    StartOver,
    discard,
    fetch,
    fetch_md5,
    new_client,
)
from recengine.movielens.releases import Release, release, server_url

log = logging.getLogger(__name__)

LOCK_WAIT_SECONDS = 3600.0  # for another process that downloads the same release


def download(
    name: str, target: Path, *, base_url: str | None = None, on_progress: Progress | None = None
) -> Path:
    """Fetch and unpack a MovieLens release, unless it is already there.

    Parameters
    ----------
    name : str
        One of `recengine.movielens.releases.RELEASES`.
    target : Path
        The folder that will hold the release's files. It appears in one step, when everything is in it.
    base_url : str, optional
        Folder of the zips on a mirror; default ``RECENGINE_DOWNLOAD_URL``, else GroupLens.
    on_progress : callable, optional
        Called with the bytes of the zip that are here (fewer again after starting over) and its size
        (None if the server does not say it).

    Returns
    -------
    Path
        ``target``.

    Raises
    ------
    BadInput
        If the name or the address is none, ``target`` is a file, or there is no room to unpack.
    DownloadFailed
        If the server cannot be reached, does not have the file, or what it sends is not what it should be.
    """
    wanted, server = release(name), server_url(base_url)
    part = target.with_name(f"{target.name}.zip.part")
    if _is_there(target, part):
        return target
    with _local_trouble(target), _alone(target):
        if _is_there(target, part):  # another process has just finished
            return target
        archive.sweep(target)
        _fetch_checked(wanted, server, part, on_progress or (lambda done, total: None))
        _unpack(wanted.url(server), part, target)
    return target


def _is_there(target: Path, part: Path) -> bool:
    if target.exists() and not target.is_dir():
        raise BadInput(f"{target} is a file where the folder of a release should be; remove it or rename it.")
    if not target.is_dir() or archive.is_empty(target):
        return False
    discard(part)  # left by a call that was killed after the last step
    return True


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Let one process at a time fetch into ``target``; the others wait and find it there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("another process is downloading into %s; waiting for it", target)
        try:
            lock.acquire(timeout=LOCK_WAIT_SECONDS)
        except Timeout:
            raise DownloadFailed(
                f"Another process has been downloading into {target} for {LOCK_WAIT_SECONDS:,.0f} s; "
                "wait for it to finish or stop it, then run again."
            ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _local_trouble(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadFailed(
            f"Cannot write {error.filename or target.parent} ({error.strerror or error}); "
            "free some space or choose another --home, then run again."
        ) from error


def _fetch_checked(wanted: Release, server: str, part: Path, on_progress: Progress) -> None:
    """Bring the whole zip into ``part`` and compare it with the published checksum."""
    url, md5_url = wanted.url(server), wanted.md5_url(server)
    started = perf_counter()
    try:
        with new_client() as client:
            fetch(client, url, part, on_progress)
            expected = fetch_md5(client, md5_url)
    except httpx.HTTPStatusError as error:
        answer = f"{error.response.status_code} {error.response.reason_phrase}"
        raise DownloadFailed(f"{error.response.url} answered {answer}; {TRY_A_MIRROR}.") from error
    except (httpx.TransportError, httpx.TooManyRedirects, httpx.InvalidURL, StartOver) as error:
        raise DownloadFailed(_broken_off(error, wanted, url, part)) from error
    size = part.stat().st_size
    log.info("fetched %s: %.1f MB in %.1f s", url, size / 1e6, perf_counter() - started)
    if expected is None:
        log.warning(
            "no checksum is published for %s: only its size, %d bytes, and its CRCs vouch for it", url, size
        )
        return
    with part.open("rb") as content:
        got = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if got != expected:
        discard(part)
        raise DownloadFailed(
            f"{url} has MD5 {got}, but {md5_url} says {expected}; "
            "the file was removed, run again to fetch it anew."
        )


def _unpack(url: str, part: Path, target: Path) -> None:
    try:
        archive.extract(part, target)  # which also checks the CRC of every file in the zip
    except BadSource as error:
        discard(part)
        raise DownloadFailed(
            f"What {url} sent cannot be unpacked ({error.problem}); "
            "it was removed, run again to fetch it anew."
        ) from error
    discard(part)


def _broken_off(error: Exception, wanted: Release, url: str, part: Path) -> str:
    offline = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    what = "Cannot reach" if offline else "Could not finish the download from"
    reason = str(error).rstrip(".") or type(error).__name__
    have = part.stat().st_size if part.exists() else 0
    again = f"run again to go on after the {have / 1e6:,.1f} MB that are here, or " if have else ""
    return (
        f"{what} {httpx.URL(url).host} ({reason}); {again}download {wanted.archive} on a connected machine "
        f"and run with --source PATH/{wanted.archive}, or use --dataset demo."
    )
