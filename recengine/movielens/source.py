"""A recognised source: what ingest reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recengine.movielens.description import Description, Movies, Ratings, Users
from recengine.movielens.scale import Scale
from recengine.movielens.spellings import Role

LayoutName = Literal["ml-100k", "ml-1m", "ml-10m", "csv"]


@dataclass(frozen=True)
class Layout:
    """One way GroupLens has laid out a release.

    Attributes
    ----------
    scale : Scale
        The usual one: the ratings themselves decide.
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


@dataclass(frozen=True)
class SourceFile:
    """A file of a source: its role, where it is, its name below the source folder, what is said of it."""

    role: Role
    path: Path
    name: str
    section: Ratings | Movies | Users | None = None


@dataclass(frozen=True)
class Source:
    """A recognised folder: what ingest reads, and what a ``dataset.toml`` in it says, if there is one.

    Attributes
    ----------
    notes : tuple[str, ...]
        What a person should know about the choice of files.
    """

    dataset: str
    folder: Path
    layout: Layout
    files: tuple[SourceFile, ...]
    description: Description | None = None
    notes: tuple[str, ...] = ()

    @property
    def rules(self) -> Path | None:
        """The folder of rules that the ``dataset.toml`` names."""
        named = self.description.rules if self.description else None
        return self.folder / named if named else None
