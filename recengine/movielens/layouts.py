"""The MovieLens layouts, and recognising which one a folder holds."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from recengine.errors import BadInput, BadSource, UnknownLayout, legible
from recengine.movielens import description, folders
from recengine.movielens.description import Description
from recengine.movielens.scale import HALF_STARS, WHOLE_STARS, Scale
from recengine.movielens.source import Layout, LayoutName, Source, SourceFile
from recengine.movielens.spellings import Role

__all__ = [
    "LAYOUTS",
    "Layout",
    "LayoutName",
    "Role",
    "Scale",
    "Source",
    "SourceFile",
    "recognise",
    "with_ratings",
]


# In the order they are tried: ml-1m before ml-10m, which is the same without users.
LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "ml-100k",
        WHOLE_STARS,
        "|",
        {"movies": "u*.item", "users": "u*.user", "ratings": "u*.data"},
        frozenset({"users"}),
    ),
    Layout(
        "ml-1m",
        WHOLE_STARS,
        "::",
        {"movies": "movies*.dat", "users": "users*.dat", "ratings": "ratings*.dat"},
    ),
    Layout("ml-10m", HALF_STARS, "::", {"movies": "movies*.dat", "ratings": "ratings*.dat"}),
    # Any text or Parquet files whose first line names the columns (see folders.py).
    Layout(
        "csv",
        HALF_STARS,
        ",",
        {"movies": "movies*.csv", "users": "users*.csv", "ratings": "ratings*.csv"},
        frozenset({"users"}),
    ),
)


def recognise(folder: Path, dataset: str | None = None) -> Source:
    """Find the layout of a folder (or of the one folder inside it) from its files.

    Parameters
    ----------
    folder : Path
        A folder as GroupLens distributes it, one whose files are named and begin like the releases', or one with a
        ``dataset.toml`` that says what its files are.
    dataset : str, optional
        The name to know it by; the folder's own name when not given.

    Raises
    ------
    BadInput
        The folder does not exist.
    UnknownLayout
        No layout is complete; the sentence lists what was found and what is missing.
    BadSource
        The folder holds the files of two layouts, or its ``dataset.toml`` cannot be followed.
    """
    folder = folder.absolute()
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder; point --source at a MovieLens folder or zip.")
    for candidate in _one_in_the_other(folder):
        source = _recognised(candidate, dataset)
        if source is not None:
            return source
    listing = folders.by_name(folder, folders.DEPTH)
    if listing.has("ratings"):
        return _source(folder, dataset, None, LAYOUTS[-1], listing)
    raise UnknownLayout(folder, _names(folder), *_nearest(_names(folder)))


def _one_in_the_other(folder: Path) -> list[Path]:
    """The folder, the one folder inside it, and the one inside that."""
    nested = [folder]
    while len(nested) <= folders.DEPTH:
        entries = nested[-1].iterdir()
        inner = [entry for entry in entries if entry.is_dir() and not entry.name.startswith((".", "__"))]
        if len(inner) != 1:
            break
        nested += inner
    return nested


def _recognised(folder: Path, dataset: str | None) -> Source | None:
    declared = description.load(folder)
    if declared and (declared.ratings or declared.movies or declared.users):
        listing = folders.described(folder, declared)
        if not listing.has("ratings"):
            raise BadSource(
                folder / description.FILE_NAME, "names no ratings files, and none are there", "add [ratings]"
            )
        return _source(folder, dataset, declared, LAYOUTS[-1], listing)
    complete = [layout for layout in LAYOUTS[:-1] if not _missing(layout, _names(folder))]
    if len(complete) > 1 and complete[0].name == "ml-1m" and complete[1].name == "ml-10m":
        del complete[1]  # ml-10m is what ml-1m is without its users
    listing = folders.by_name(folder)
    # Where another layout is complete, ratings alone are no second one.
    if listing.has("ratings") and (listing.has("movies") or not complete):
        complete.append(LAYOUTS[-1])
    if len(complete) > 1:
        both = " and ".join(layout.name for layout in complete)
        raise BadSource(folder, f"holds the files of two layouts, {both}", "keep one of them in the folder")
    if not complete:
        return None
    if complete[0] is not LAYOUTS[-1]:
        listing = folders.Listing(_files(complete[0], folder))
    return _source(folder, dataset, declared, complete[0], listing)


def _source(
    folder: Path, dataset: str | None, declared: Description | None, layout: Layout, listing: folders.Listing
) -> Source:
    notes = list(listing.notes)
    if not listing.has("movies"):
        notes.append("there is no movies file: movies are called by their ids")
    name = dataset or (declared and declared.name) or legible(folder.name)
    return Source(name, folder, layout, tuple(listing.files), declared, tuple(notes))


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
    section = source.description.ratings if source.description else None
    extra = tuple(
        SourceFile("ratings", path.absolute(), legible(path.absolute()), section) for path in ratings
    )
    return replace(source, files=kept + extra)


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_file())


def _missing(layout: Layout, names: list[str]) -> list[str]:
    return [
        pattern.replace("*", "")
        for role, pattern in layout.patterns.items()
        if role not in layout.optional and not any(fnmatch(name, pattern) for name in names)
    ]


def _nearest(names: list[str]) -> tuple[dict[str, list[str]], bool]:
    """Missing files of the layouts that have at least one file there, or of all of them; and whether any has."""
    missing = {layout.name: _missing(layout, names) for layout in LAYOUTS}
    begun = {
        layout.name
        for layout in LAYOUTS
        if any(fnmatch(name, pattern) for name in names for pattern in layout.patterns.values())
    }
    return {name: files for name, files in missing.items() if name in begun or not begun}, bool(begun)


def _files(layout: Layout, folder: Path) -> list[SourceFile]:
    return [
        SourceFile(role, folder / name, legible(name))
        for role, pattern in layout.patterns.items()
        for name in _names(folder)
        if fnmatch(name, pattern)
    ]
