"""Zip files from outside, unpacked safely: all of it appears at once, or nothing does.

Nothing a zip says about itself is believed: names are checked before anything is written, sizes are counted
while writing, and everything is written into a folder beside the target that is renamed at the very end.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from time import perf_counter
from typing import NoReturn

from filelock import FileLock

from recengine.errors import BadInput, BadSource
from recengine.runtime import durable

log = logging.getLogger(__name__)

MAX_BYTES = 8 * 1024**3  # the largest release unpacks to 1.2 GB
MAX_RATIO = 100.0  # ratings compress about 4 to 1, deflate can do 1000 to 1
MAX_MEMBERS = 10_000  # ml-100k has 24, the others fewer
MAX_NAME_BYTES = 255  # of a whole name with its folders; file systems allow that much per part
CHUNK_BYTES = 1 << 20
FILE_MODE, FOLDER_MODE = 0o644, 0o755

_GET_A_GOOD_ZIP = "use a zip as GroupLens distributes it"
_AGAIN = "fetch it again"
_BY_HAND = "unpack it yourself and point --source at the folder"
_UNPACKING = r"\.unpacking-"  # how the folders begin that hold what is not complete yet, as a pattern
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # bits of the zip format's general purpose flag
_JUNK = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"}

Members = Mapping[PurePosixPath, zipfile.ZipInfo]


def extract(
    zip_path: Path, target: Path, *, max_bytes: int = MAX_BYTES, max_ratio: float = MAX_RATIO
) -> Path:
    """Unpack a zip into a new folder; if it holds a single top folder, that folder's content.

    Parameters
    ----------
    zip_path : Path
        The zip. Litter of desktops (``__MACOSX``, ``.DS_Store`` …) in it is left out.
    target : Path
        The folder to create. It is not there until every byte is written and every checksum of the zip holds.
    max_bytes : int
        Most bytes the members may unpack to, as declared and as counted while writing.
    max_ratio : float
        Most bytes they may unpack to per byte of the zip.

    Returns
    -------
    Path
        ``target``, with files of mode 0644 and folders of mode 0755.

    Raises
    ------
    BadSource
        If the zip is damaged, unsafe (names the member), too large, or empty.
    BadInput
        If ``target`` is a file or a folder with something in it, or its disk has no room.
    """
    if target.exists() and not (target.is_dir() and is_empty(target)):
        raise BadInput(f"{target} already exists; remove it or choose another folder.")
    started = perf_counter()
    with _opened(zip_path) as archive:
        members = _checked(zip_path, archive.infolist())
        limit = min(max_bytes, int(max_ratio * zip_path.stat().st_size))
        _check_size(zip_path, sum(info.file_size for info in members.values()), limit, target.parent)
        with _named_when_complete(target) as temporary:
            written = _write(archive, members, temporary, limit, zip_path)
    seconds = perf_counter() - started
    log.info("unpacked %s: %d files, %.1f MB in %.1f s", zip_path, len(members), written / 1e6, seconds)
    return target


def unpacked(zip_path: Path, cache: Path) -> Path:
    """Unpack a user's own zip once, and find it again by its content.

    Parameters
    ----------
    zip_path : Path
        The zip; only read.
    cache : Path
        Folder of unpacked zips. Older ones of the same file name are removed from it.

    Returns
    -------
    Path
        ``cache/<stem>-<first 12 digits of the zip's SHA-256>``.

    Raises
    ------
    BadSource
        As `extract` does, or if the zip cannot be read.
    """
    with _readable(zip_path), zip_path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()[:12]
    target = cache / f"{zip_path.stem}-{digest}"
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / ".lock"):  # one for all zips: a lock of each would stay for ever
        if not target.is_dir():  # another process may have just unpacked it
            extract(zip_path, target)
            former = rf"{re.escape(zip_path.stem)}-[0-9a-f]{{12}}"
            _remove_all(cache, rf"{former}|{_UNPACKING}{former}-\w+", but=target)
        for lock in cache.glob(".?*.lock"):  # of earlier releases
            lock.unlink()
    return target


def sweep(target: Path) -> None:
    """Remove what a killed `extract` into ``target`` left beside it; the caller must be alone in using it."""
    _remove_all(target.parent, rf"{_UNPACKING}{re.escape(target.name)}-\w+", but=target)


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing."""
    return next(folder.iterdir(), None) is None


def _remove_all(folder: Path, pattern: str, *, but: Path) -> None:
    for entry in folder.iterdir():
        if re.fullmatch(pattern, entry.name) and entry != but:
            shutil.rmtree(entry)


def _refuse(zip_path: Path, problem: str, remedy: str = _GET_A_GOOD_ZIP) -> NoReturn:
    raise BadSource(zip_path, problem, remedy)


@contextmanager
def _named_when_complete(target: Path) -> Iterator[Path]:
    """Lend a private folder beside ``target`` that gets its name at the end, or is removed on any error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".unpacking-{target.name}-", dir=target.parent))
    try:
        yield temporary
        temporary.chmod(FOLDER_MODE)
        durable.move(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextmanager
def _readable(zip_path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise BadSource(zip_path, "there is no such file", "check the path") from None
    except (IsADirectoryError, PermissionError) as error:
        raise BadSource(zip_path, f"it cannot be read ({error.strerror})", "check the path") from error


@contextmanager
def _opened(zip_path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip; whatever the zip module says of a broken one becomes one sentence."""
    with _readable(zip_path):
        stream = zip_path.open("rb")
    with stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                yield archive
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
            reason = str(error).rstrip(".") or type(error).__name__
            raise BadSource(zip_path, f"it is no zip, or a damaged one ({reason})", _AGAIN) from error
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            raise BadSource(
                zip_path, "it is a damaged zip (an offset in it is impossible)", _AGAIN
            ) from error


def _checked(zip_path: Path, infos: list[zipfile.ZipInfo]) -> Members:
    """Refuse every unsafe member; return the files worth unpacking by the path they get under the target."""
    if len(infos) > MAX_MEMBERS:
        _refuse(zip_path, f"it has {len(infos):,} members, more than {MAX_MEMBERS:,}")
    paths: dict[PurePosixPath, zipfile.ZipInfo] = {}
    seen: dict[str, str] = {}
    for info in infos:
        path = _safe_path(zip_path, info)
        key = str(path).casefold()  # some file systems take A and a for one file
        if key in seen and not info.is_dir():
            _refuse(zip_path, f"members {seen[key]!r} and {info.orig_filename!r} have one name")
        seen[key] = info.orig_filename
        if not info.is_dir() and not _is_junk(path):
            paths[path] = info
    if not paths:
        _refuse(zip_path, "it holds no files")
    parents = {str(parent).casefold() for path in paths for parent in path.parents}
    for path, info in paths.items():
        if str(path).casefold() in parents:
            _refuse(zip_path, f"member {info.orig_filename!r} is both a file and a folder")
    tops = {path.parts[0] for path in paths}
    if len(tops) == 1 and all(len(path.parts) > 1 for path in paths):
        return {PurePosixPath(*path.parts[1:]): info for path, info in paths.items()}
    return paths


def _safe_path(zip_path: Path, info: zipfile.ZipInfo) -> PurePosixPath:
    """Path of a member under the target, or a refusal of anything but plain files and folders inside it."""
    name = info.orig_filename  # as stored: the zip module cuts names at a NUL and turns separators round
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts
    odd = any(char < " " for char in name) or len(name.encode()) > MAX_NAME_BYTES
    if outside or odd or any(re.match(r"[A-Za-z]:", part) for part in path.parts):
        _refuse(zip_path, f"member {name!r} has an unsafe path")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        _refuse(zip_path, f"member {name!r} is a link or special file")
    if info.flag_bits & _ENCRYPTED:
        _refuse(zip_path, f"member {name!r} is encrypted", _BY_HAND)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = info.compress_type
        _refuse(zip_path, f"member {name!r} is compressed by method {method}, not by deflate", _BY_HAND)
    return path


def _is_junk(path: PurePosixPath) -> bool:
    return not _JUNK.isdisjoint(path.parts) or path.name.startswith("._")


def _check_size(zip_path: Path, declared: int, limit: int, folder: Path) -> None:
    if declared > limit:
        _refuse(
            zip_path, f"it unpacks to {declared / 1e6:,.1f} MB, more than the {limit / 1e6:,.1f} MB allowed"
        )
    existing = next(parent for parent in folder.absolute().joinpath("-").parents if parent.is_dir())
    free = shutil.disk_usage(existing).free
    if declared > free:
        raise BadInput(
            f"{zip_path} unpacks to {declared / 1e6:,.0f} MB, but {existing} has {free / 1e6:,.0f} MB left; "
            "free some space or choose another --home."
        )


def _write(archive: zipfile.ZipFile, members: Members, folder: Path, limit: int, zip_path: Path) -> int:
    """Write every member below a private folder, counting; return the bytes written."""
    written = 0
    for path, info in members.items():
        destination = folder / path
        _make_folders(folder, path)
        before = written
        with archive.open(info) as source, destination.open("xb") as out:
            while chunk := source.read(CHUNK_BYTES):
                written += len(chunk)
                if written > limit:
                    name = info.orig_filename
                    _refuse(zip_path, f"member {name!r} passes the {limit / 1e6:,.1f} MB allowed in all")
                out.write(chunk)
        if written - before != info.file_size:
            _refuse(zip_path, f"member {info.orig_filename!r} is not as long as the zip says", _AGAIN)
        destination.chmod(FILE_MODE)
    return written


def _make_folders(folder: Path, path: PurePosixPath) -> None:
    for parent in reversed(path.parents[:-1]):  # the last parent is "."
        (folder / parent).mkdir(exist_ok=True)
        (folder / parent).chmod(FOLDER_MODE)
