"""Files in a bucket, by any file system that fsspec knows, ``s3://`` among them.

A bucket renames nothing. So the files of a version go under names of their own, and ``latest.json``, one small object
that is written last and whole, says which version counts. Credentials are those of the environment.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from recengine.config import Home
from recengine.errors import BadInput
from recengine.runtime import durable
from recengine.runtime.addresses import SECRET_REFUSED, has_secret, shown
from recengine.serving.exports import files
from recengine.serving.versions import versions
from recengine.warehouse.connection import published

LATEST = "latest.json"
_PACKAGES = {"s3": ("s3fs", "recengine[s3]"), "s3a": ("s3fs", "recengine[s3]")}
_FOLDER = re.compile(r"(\d{8}-\d{6}-\d{3})(-\d+)?")


def check(address: str) -> None:
    """Refuse an address that no installed file system is for; raises BadInput."""
    if has_secret(address):
        raise BadInput(f"{SECRET_REFUSED}.")
    scheme = address.partition("://")[0].lower()
    package, extra = _PACKAGES.get(scheme, ("fsspec", "fsspec"))
    if find_spec(package) is None:
        raise BadInput(
            f"Files cannot be exported to {shown(address)}: {scheme}:// needs pip install '{extra}'."
        )
    import fsspec

    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise BadInput(f"Files cannot be exported to {shown(address)}: {str(error).rstrip('.')}.") from error
    except ValueError:
        raise BadInput(
            f"Files cannot be exported to {shown(address)}: there is no file system {scheme}://; a bucket is "
            "s3://bucket/prefix."
        ) from None


def upload(home: Home, path: Path, form: files.Format, address: str) -> dict[str, Any]:
    """Write the files of a publication to a bucket and let ``latest.json`` say so; returns their manifest.

    Raises
    ------
    BadInput
        They cannot be written there; what ``latest.json`` says stays.
    """
    check(address)
    home.exports.mkdir(mode=0o700, exist_ok=True)
    with published(path) as readers, durable.scratch_folder(home.exports / form) as folder:
        manifest = files.write(readers, folder, form, by_user=True)
        try:
            _Bucket(address, form).put(folder, str(manifest["version"]), versions(home))
        except Exception as error:  # whatever a file system raises
            raise BadInput(
                f"Nothing could be exported to {shown(address)} ({_said(error)}); see that it is there, and that "
                "the environment holds what it asks for, such as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
                "AWS_ENDPOINT_URL."
            ) from error
    return manifest


class _Bucket:
    """The place of one form of files."""

    def __init__(self, address: str, form: str) -> None:
        import fsspec

        self.files, root = fsspec.core.url_to_fs(address, use_listings_cache=False, skip_instance_cache=True)
        self.base = f"{root.rstrip('/')}/{form}"

    def put(self, folder: Path, version: str, kept: list[str]) -> None:
        """Upload a folder's files, then say that they count, then remove what went with its version."""
        there, before = self._folders(), self._counts()
        name = next(
            free for free in (version, *(f"{version}-{n}" for n in range(2, 10**6))) if free not in there
        )
        written = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        targets = [f"{self.base}/{name}/{file.relative_to(folder).as_posix()}" for file in written]
        self.files.put([str(file) for file in written], targets)
        for file, target in zip(written, targets, strict=True):
            if self.files.info(target)["size"] != file.stat().st_size:
                raise OSError(f"{target} has not the bytes that were sent")
        latest = {
            "version": version,
            "folder": name,
            "manifest": f"{name}/{files.MANIFEST}",
            "sha256": hashlib.sha256((folder / files.MANIFEST).read_bytes()).hexdigest(),
        }
        self.files.pipe_file(f"{self.base}/{LATEST}", json.dumps(latest, indent=1).encode())
        for old in files.outdated(there | {name: version}, {name, before}, kept):
            self.files.rm(f"{self.base}/{old}", recursive=True)

    def _folders(self) -> dict[str, str]:
        """Folders of versions, whole or not, and the version of each."""
        with suppress(FileNotFoundError):
            names = [entry.rstrip("/").rpartition("/")[2] for entry in self.files.ls(self.base, detail=False)]
            return {name: match[1] for name in names if (match := _FOLDER.fullmatch(name))}
        return {}

    def _counts(self) -> str:
        """The folder that counts until now; empty where there is none."""
        with suppress(FileNotFoundError):
            return str(json.loads(self.files.cat_file(f"{self.base}/{LATEST}"))["folder"])
        return ""


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200].rstrip(".")
