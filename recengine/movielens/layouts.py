"""The MovieLens layouts, and recognising which one a folder holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from recengine.errors import BadInput, BadSource, UnknownLayout, legible
from recengine.movielens import description
from recengine.movielens.description import Description

Role = Literal["movies", "users", "ratings"]
LayoutName = Literal["ml-100k", "ml-1m", "ml-10m", "csv"]


@dataclass(frozen=True)
class Scale:
    """The star scale: lowest, highest, and the distance between two neighbouring values."""

    low: float
    high: float
    step: float


@dataclass(frozen=True)
class Layout:
    """One way GroupLens has laid out a release.

    Attributes
    ----------
    patterns : dict
        Role -> file name pattern; every file that matches counts, so ``ratings-2026-11-24.csv`` put
        beside ``ratings.csv`` is read too.
    optional : frozenset
        Roles the layout can do without.
    """

    name: LayoutName
    scale: Scale
    delimiter: str
    patterns: dict[Role, str]
    optional: frozenset[Role] = frozenset()


WHOLE_STARS = Scale(1.0, 5.0, 1.0)
HALF_STARS = Scale(0.5, 5.0, 0.5)

# In the order they are tried: ml-1m before ml-10m, which is the same without users.
LAYOUTS: tuple[Layout, ...] = (
    Layout("ml-100k", WHOLE_STARS, "|", {"movies": "u*.item", "users": "u*.user", "ratings": "u*.data"}),
    Layout(
        "ml-1m",
        WHOLE_STARS,
        "::",
        {"movies": "movies*.dat", "users": "users*.dat", "ratings": "ratings*.dat"},
    ),
    Layout("ml-10m", HALF_STARS, "::", {"movies": "movies*.dat", "ratings": "ratings*.dat"}),
    Layout(
        "csv",
        HALF_STARS,
        ",",
        {"movies": "movies*.csv", "users": "users*.csv", "ratings": "ratings*.csv"},
        frozenset({"users"}),
    ),
)


@dataclass(frozen=True)
class SourceFile:
    """A file of a source: its role, where it is, and its name below the source folder."""

    role: Role
    path: Path
    name: str


@dataclass(frozen=True)
class Source:
    """A recognised folder: what ingest reads, and what a ``dataset.toml`` in it says, if there is one."""

    dataset: str
    folder: Path
    layout: Layout
    files: tuple[SourceFile, ...]
    description: Description | None = None


def recognise(folder: Path, dataset: str | None = None) -> Source:
    """Find the layout of a folder (or of the one folder inside it) from its files.

    Parameters
    ----------
    folder : Path
        A folder as GroupLens distributes it.
    dataset : str, optional
        The name to know it by; the folder's own name when not given.

    Raises
    ------
    BadInput
        The folder does not exist.
    UnknownLayout
        No layout is complete; the sentence lists what was found and what is missing.
    BadSource
        The folder holds the files of two layouts.
    """
    folder = folder.absolute()
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder; point --source at a MovieLens folder or zip.")
    inner = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith((".", "__"))]
    for candidate in (folder, *inner) if len(inner) == 1 else (folder,):
        complete = [layout for layout in LAYOUTS if not _missing(layout, _names(candidate))]
        if len(complete) > 1 and complete[0].name == "ml-1m" and complete[1].name == "ml-10m":
            del complete[1]  # ml-10m is what ml-1m is without its users
        if len(complete) > 1:
            both = " and ".join(layout.name for layout in complete)
            raise BadSource(
                candidate, f"holds the files of two layouts, {both}", "keep one of them in the folder"
            )
        if complete:
            said = description.load(candidate)
            name = dataset or (said and said.name) or legible(folder.name)
            return Source(name, candidate, complete[0], _files(complete[0], candidate), said)
    raise UnknownLayout(folder, _names(folder), _nearest(_names(folder)))


def with_ratings(source: Source, *ratings: Path) -> Source:
    """The same movies and users with other ratings files, each known by its absolute path.

    Raises
    ------
    BadInput
        A file does not exist.
    """
    for path in ratings:
        if not path.is_file():
            raise BadInput(f"{path} is no file; give a ratings file in the {source.layout.name} layout.")
    kept = tuple(file for file in source.files if file.role != "ratings")
    given = tuple(SourceFile("ratings", path.absolute(), legible(path.absolute())) for path in ratings)
    return replace(source, files=kept + given)


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_file())


def _missing(layout: Layout, names: list[str]) -> list[str]:
    return [
        pattern.replace("*", "")
        for role, pattern in layout.patterns.items()
        if role not in layout.optional and not any(fnmatch(name, pattern) for name in names)
    ]


def _nearest(names: list[str]) -> dict[str, list[str]]:
    """Missing files of the layouts that have at least one file there, or of all of them."""
    missing = {layout.name: _missing(layout, names) for layout in LAYOUTS}
    begun = {
        layout.name
        for layout in LAYOUTS
        if any(fnmatch(name, pattern) for name in names for pattern in layout.patterns.values())
    }
    return {name: files for name, files in missing.items() if name in begun or not begun}


def _files(layout: Layout, folder: Path) -> tuple[SourceFile, ...]:
    return tuple(
        SourceFile(role, folder / name, legible(name))
        for role, pattern in layout.patterns.items()
        for name in _names(folder)
        if fnmatch(name, pattern)
    )
