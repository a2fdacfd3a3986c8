"""Parquet and csv: a publication as files in a folder that other machines see, or in a bucket.

``DEST/parquet-<version>/`` is written beside, whole, and only then ``DEST/parquet``, a link, points to it: who reads
through the link sees the old files or the new ones. A folder goes when its version does.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from pathlib import Path
from typing import ClassVar

from recengine.config import Home
from recengine.errors import BadInput
from recengine.runtime import access, durable
from recengine.runtime.addresses import is_address, is_place, looked_up, shown
from recengine.runtime.paths import user_path
from recengine.serving.exports import files, objects
from recengine.serving.exports.exporter import Exporter
from recengine.serving.versions import publication_in, versions
from recengine.warehouse.connection import published

log = logging.getLogger(__name__)


class _Files(Exporter):
    """Files of one form: named alone into the home, a table a file; to a destination, by ranges of users."""

    form: ClassVar[files.Format]

    def export(self, home: Home, path: Path) -> None:
        """Write the tables of the current version."""
        began = time.perf_counter()
        destination = looked_up(self.destination)
        if is_address(destination):
            where = shown(destination)
            manifest = objects.upload(home, path, self.form, destination)
        else:
            root = folder_of(home, destination)
            where = str(root / self.form)
            manifest = _to_folder(home, path, self.form, root, by_user=bool(destination))
        log.info(
            "export: %s rows of %d tables as %s in %s, %.1f MB in %.2f s",
            f"{sum(table['rows'] for table in manifest['tables'].values()):,}",
            len(manifest["tables"]),
            self.form,
            where,
            sum(table["bytes"] for table in manifest["tables"].values()) / 1e6,
            time.perf_counter() - began,
        )

    def check(self) -> None:
        """Refuse what no files can be written to."""
        if is_address(self.destination):
            objects.check(self.destination)
        elif self.destination and not is_place(self.destination) and not _is_whole(self.destination):
            raise BadInput(
                f"{self.form} cannot be exported to {self.destination!r}: write the folder's whole path, such as "
                "/mnt/recommendations, or an address such as s3://bucket/prefix."
            )


class Parquet(_Files):
    """Every published table as Parquet files."""

    form = "parquet"


class Csv(_Files):
    """Every published table as csv files, lists in them as JSON."""

    form = "csv"


def folder_of(home: Home, destination: str) -> Path:
    """The folder that is meant: ``exports/`` of the home where none is named."""
    return (user_path(destination) if destination else None) or home.exports


def _to_folder(home: Home, path: Path, form: files.Format, root: Path, *, by_user: bool) -> dict[str, object]:
    """Write a folder beside the others, point the link to it, remove what went with its version."""
    _make(root, private=root == home.exports)
    for unfinished in root.glob(f".{form}-*"):  # of an export that was killed: there is one at a time
        shutil.rmtree(unfinished)
    link = root / form
    if link.exists() and not link.is_symlink():
        raise BadInput(
            f"{link} is there and is no link of an export's; remove it, or export to another folder."
        )
    with published(path) as readers:
        folder = _free(root / f"{form}-{publication_in(readers).version}")
        with durable.new_folder(folder, mode=0o700) as partial:
            manifest = files.write(readers, partial, form, by_user=by_user)
    access.inherit(folder, root)
    before = link.resolve().name if link.is_symlink() else ""
    _point(link, folder)
    _prune(home, root, form, {folder.name, before})
    return manifest


def _make(root: Path, *, private: bool) -> None:
    try:
        if not root.exists():
            root.mkdir(mode=0o700, parents=True)
            if not private:
                access.let_readers_in(root)
    except OSError as error:
        raise BadInput(
            f"Nothing can be exported to {root} ({error.strerror}); let this account write there, or name another "
            "folder."
        ) from error
    if not os.access(root, os.W_OK | os.X_OK):
        raise BadInput(f"Nothing can be exported to {root}: this account may not write there.")


def _free(folder: Path) -> Path:
    """A name that is not taken: a version that is exported again stays whole beside itself until the link moves."""
    number, free = 1, folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free


def _point(link: Path, folder: Path) -> None:
    try:
        durable.point(link, Path(folder.name))
    except OSError as error:
        raise BadInput(
            f"{link.parent} takes no symbolic link ({error.strerror}), by which an export is swapped; export to a "
            "folder of another file system, or to s3://bucket/prefix."
        ) from error


def _prune(home: Home, root: Path, form: str, in_use: set[str]) -> None:
    """Remove the folders of versions that the home no longer keeps, and those of one exported anew."""
    named = re.compile(rf"{form}-(\d{{8}}-\d{{6}}-\d{{3}})(-\d+)?")
    found = {old.name: match[1] for old in root.glob(f"{form}-*") if (match := named.fullmatch(old.name))}
    for name in files.outdated(found, in_use, versions(home)):
        shutil.rmtree(root / name)


def _is_whole(destination: str) -> bool:
    return destination.startswith(("/", "~"))
