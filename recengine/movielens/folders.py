"""Which files of a folder are the ratings, the movies and the users, by their names and their columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

from recengine.errors import BadSource, legible
from recengine.movielens.description import FILE_NAME, Description, Movies, Ratings, Users
from recengine.movielens.heads import first_line
from recengine.movielens.source import SourceFile
from recengine.movielens.spellings import Role, is_a_file_of, is_data

ROLES: tuple[Role, ...] = ("movies", "users", "ratings")
DEPTH = 2  # folders below the source in which files are looked for

_ENDING = r"\.(csv|tsv|parquet|pq)(\.gz)?"
_NAMED = re.compile(
    rf"(?P<stem>(?P<role>rating|movie|user)s?(?P<rest>.*?))(?P<ending>{_ENDING})?", re.IGNORECASE
)
# Said of a file that is another edition of what the others hold, or something about it.
_EDITION = re.compile(
    r"[\W_]*(small|sample|subset|mini|tiny|metadata|meta|backup|bak|old|copy|orig|original|test|train|tmp)([\W_].*)?",
    re.IGNORECASE,
)


@dataclass
class Listing:
    """The files of each role, and what was left out and why."""

    files: list[SourceFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def has(self, role: Role) -> bool:
        """Whether there is a file of a role."""
        return any(file.role == role for file in self.files)


@dataclass(frozen=True)
class _Candidate:
    role: Role
    path: Path
    name: str
    rest: str

    @property
    def source_file(self) -> SourceFile:
        return SourceFile(self.role, self.path, legible(self.name))


def by_name(folder: Path, depth: int = 0) -> Listing:
    """The files that are named like ratings, movies or users, in the folder and so many folders below it.

    A file called just ``ratings.csv`` is taken as one. Others that begin so are taken if their first line has the
    columns, or no names at all, and if their name does not say that they are an edition of the same
    (``ratings_small.csv``); such a one is taken where there is no other.

    Raises
    ------
    BadSource
        Two folders have a file of the same name.
    """
    candidates = [c for path in _walk(folder, depth) for c in _candidates(folder, path)]
    listing = Listing()
    for role in ROLES:
        _choose([c for c in candidates if c.role == role], listing)
    _refuse_two_sets(folder, listing)
    return listing


def _choose(candidates: list[_Candidate], listing: Listing) -> None:
    plain = [c for c in candidates if not c.rest]
    fitting = [c for c in candidates if c.rest and _fits(c)]
    editions = [c for c in fitting if _EDITION.fullmatch(c.rest)]
    taken = plain + [c for c in fitting if c not in editions]
    taken = taken or editions or ([c for c in candidates if c.role == "ratings"])
    listing.files += sorted((c.source_file for c in taken), key=lambda file: file.name)
    for candidate in candidates:
        if candidate in editions and candidate not in taken:
            word = candidate.rest.strip("-_. ")
            listing.notes.append(
                f"{candidate.name} was left out: its name says {word!r}, so it is another edition"
            )
        elif candidate not in taken:
            kind = candidate.role
            listing.notes.append(
                f"{candidate.name} was left out: its first line does not name the columns of {kind}"
            )


def _fits(candidate: _Candidate) -> bool:
    header = first_line(candidate.path)
    return is_data(header) or is_a_file_of(header, candidate.role)


def described(folder: Path, description: Description) -> Listing:
    """The files that a dataset.toml names; of the kinds it does not name, those with the usual names.

    Raises
    ------
    BadSource
        A pattern matches no file.
    """
    listing, usual = Listing(), by_name(folder)
    sections: dict[Role, Movies | Users | Ratings | None] = {
        "movies": description.movies,
        "users": description.users,
        "ratings": description.ratings,
    }
    for role in ROLES:
        section = sections[role]
        if section is None:
            listing.files += [file for file in usual.files if file.role == role]
        else:
            listing.files += _matching(folder, role, section)
    listing.notes += usual.notes
    return listing


def _matching(folder: Path, role: Role, section: Movies | Users | Ratings) -> list[SourceFile]:
    there = {path.relative_to(folder).as_posix(): path for path in _walk(folder, 2 * DEPTH)}
    chosen: dict[str, Path] = {}
    for number, pattern in enumerate(section.files):
        names = [name for name in there if name != FILE_NAME and _is_match(name, pattern)]
        if not names:
            some = ", ".join(sorted(there)[:8])
            raise BadSource(
                folder / FILE_NAME,
                f"{role}.files.{number}: no file below its folder matches {pattern!r} (there are {some})",
                "mend the pattern",
            )
        for name in names:
            chosen |= {name: there[name]} if there[name].is_file() else _parts(folder, there[name])
    return [SourceFile(role, path, legible(name), section) for name, path in sorted(chosen.items())]


def _is_match(name: str, pattern: str) -> bool:
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """Files and folders below a folder, in order, without what programs keep for themselves."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        yield path
        if depth and path.is_dir():
            yield from _walk(path, depth - 1)


def _candidates(folder: Path, path: Path) -> list[_Candidate]:
    named = _NAMED.fullmatch(path.name)
    if named is None or (path.is_file() and not named["ending"]):
        return []
    role: Role = next(role for role in ROLES if role.startswith(named["role"].lower()))
    if path.is_file():
        return [_Candidate(role, path, path.relative_to(folder).as_posix(), named["rest"])]
    return [_Candidate(role, part, name, named["rest"]) for name, part in _parts(folder, path).items()]


def _parts(folder: Path, path: Path) -> dict[str, Path]:
    """The parts of a table that Spark wrote as a folder; empty ones hold nothing, not even a header."""
    return {
        part.relative_to(folder).as_posix(): part
        for part in _walk(path, 0)
        if part.name.startswith("part-")
        and re.search(rf"{_ENDING}$", part.name, re.IGNORECASE)
        and part.stat().st_size
    }


def _refuse_two_sets(folder: Path, listing: Listing) -> None:
    for role in ROLES:
        plain = [
            Path(f.name)
            for f in listing.files
            if f.role == role and not Path(f.name).name.startswith("part-")
        ]
        for first, second in pairwise(plain):
            if first.parent != second.parent:
                raise BadSource(
                    folder,
                    f"holds {role} in two folders, {first} and {second}",
                    "point --source at one of them",
                )
