"""A ``dataset.toml`` beside the data: a user's own names of files and columns, said once.

Everything in it is optional. What it leaves out is recognised as it is without it.
"""

from __future__ import annotations

import codecs
import tomllib
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from recengine.config import fields_at
from recengine.errors import BadSource
from recengine.runtime.near import choose

FILE_NAME = "dataset.toml"

_REMEDY = "mend it as docs/your-data.md shows"

# What a separator cannot be made of.
_NO_SEPARATORS = frozenset('"\n\r')


def _below_the_folder(pattern: str) -> str:
    path = PurePosixPath(pattern)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError("must be a file name or pattern below the folder of dataset.toml")
    return pattern


def _folder(name: str) -> str:
    try:
        return _below_the_folder(name)
    except ValueError:
        raise ValueError("must be a folder below that of dataset.toml") from None


def _separator(text: str) -> str:
    if not 1 <= len(text) <= 4 or not _NO_SEPARATORS.isdisjoint(text):
        raise ValueError('must be 1 to 4 characters, such as ";" or "\\t", without quotes and line breaks')
    return text


def _encoding(name: str) -> str:
    try:
        "".encode(name)  # refuses also what is no encoding of text
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"there is no encoding {name!r}; write utf-8, utf-16, latin-1 or cp1252") from None


# A column by the name in the file's first line, or by its place from 1 in a file without such a line.
Column = Annotated[str, Field(min_length=1)] | Annotated[int, Field(ge=1, le=10_000)]
Pattern = Annotated[str, AfterValidator(_below_the_folder)]
Separator = Annotated[str, AfterValidator(_separator)]
Encoding = Annotated[str, AfterValidator(_encoding)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Columns(_Strict):
    """Our name of a column -> the file's; what is not named here is found by its usual spellings."""

    @model_validator(mode="after")
    def _all_by_name_or_all_by_place(self) -> Columns:
        declared = list(self.declared.values())
        if len({type(value) for value in declared}) > 1:
            raise ValueError("name every column, or give every one's place as a number")
        if len(set(declared)) < len(declared):
            raise ValueError("names one column of the file twice")
        return self

    @property
    def declared(self) -> dict[str, str | int]:
        """The columns that are named, in our order."""
        return self.model_dump(exclude_none=True)

    @property
    def by_place(self) -> bool:
        """Whether the columns are given by their places, so that the files have no line of names."""
        return any(isinstance(value, int) for value in self.declared.values())


class RatingColumns(Columns):
    """The columns of the ratings."""

    user: Column | None = None
    movie: Column | None = None
    rating: Column | None = None
    time: Column | None = None


class MovieColumns(Columns):
    """The columns of the movies."""

    movie: Column | None = None
    title: Column | None = None
    genres: Column | None = None
    year: Column | None = None


class UserColumns(Columns):
    """The columns of the users."""

    user: Column | None = None
    gender: Column | None = None
    age: Column | None = None
    occupation: Column | None = None
    zip: Column | None = None


class Section(_Strict):
    """Which files hold a kind of record, and how they are written.

    Attributes
    ----------
    files : tuple[str, ...]
        Names or patterns below the folder of ``dataset.toml``; every file that matches counts.
    separator : str, optional
        What parts the columns; found from the files when not given.
    encoding : str, optional
        Any encoding that Python knows; found from the files when not given.
    """

    files: Annotated[tuple[Pattern, ...], Field(min_length=1, strict=False)]
    separator: Separator | None = None
    encoding: Encoding | None = None
    columns: Columns = Columns()


class Ratings(Section):
    """The ratings."""

    columns: RatingColumns = RatingColumns()


class Movies(Section):
    """The movies; ``categories`` are further columns that describe a movie, each a list like the genres."""

    columns: MovieColumns = MovieColumns()
    genre_separator: Annotated[str, Field(min_length=1)] = "|"
    categories: Annotated[tuple[str, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _categories_are_columns(self) -> Movies:
        _check_further(self.columns, "categories", self.categories)
        return self


class Users(Section):
    """The users; ``attributes`` are further columns that describe a user, each one value."""

    columns: UserColumns = UserColumns()
    attributes: Annotated[tuple[str, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _attributes_are_columns(self) -> Users:
        _check_further(self.columns, "attributes", self.attributes)
        return self


class Description(_Strict):
    """All of a ``dataset.toml``.

    Attributes
    ----------
    name : str, optional
        The dataset's name; the folder's when not given.
    scale : str, optional
        The ratings' scale as ``low-high/step``, or "implicit" for data without ratings.
    liked_from : float, optional
        The rating from which on a movie counts as liked.
    reader : str, optional
        Import path or entry point of a class that reads the data: see ``foreign``.
    options : dict
        What that class is told.
    rules : str, optional
        A folder of rules that lists of this data keep (``recengine.rules``), below that of the ``dataset.toml``.
    ratings, movies, users : optional
        Where each is found; one that is left out is recognised by the usual names.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    scale: str | None = None
    liked_from: Annotated[float, Field(allow_inf_nan=False, strict=False)] | None = None
    reader: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    options: dict[str, Any] = {}
    rules: Annotated[str, Field(min_length=1, max_length=4_000), AfterValidator(_folder)] | None = None
    ratings: Ratings | None = None
    movies: Movies | None = None
    users: Users | None = None


def load(folder: Path) -> Description | None:
    """The description of a folder's data, None where it has no ``dataset.toml``.

    Raises
    ------
    BadSource
        The file cannot be read, is no TOML, or says what cannot be; the sentence names the field.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        return Description.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise BadSource(path, f"cannot be read ({error.strerror})", "mend its permissions") from error
    except UnicodeDecodeError as error:
        raise BadSource(path, "is not written in UTF-8", "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise BadSource(path, f"is no TOML ({str(error).rstrip('.')})", _REMEDY) from error
    except ValidationError as error:
        raise BadSource(path, _first_problem(error), _REMEDY) from error


def _check_further(columns: Columns, field: str, names: tuple[str, ...]) -> None:
    if names and columns.by_place:
        raise ValueError(f"{field} are columns by name, so the other columns must be named too")
    if len(set(names)) < len(names) or set(names) & {*columns.declared.values()}:
        raise ValueError(f"{field} names a column twice or one that columns names")


def _first_problem(error: ValidationError) -> str:
    """The first complaint as ``ratings.columns.user: …``; a union's branches are left out of the place."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"] if not _is_branch(part))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = fields_at(Description, [str(part) for part in first["loc"][:-1] if not _is_branch(part)])
        message = f"there is no such field; {choose(str(first['loc'][-1]), known)}".rstrip(".")
    return f"{place or 'the file'}: {message[:1].lower()}{message[1:]}"


def _is_branch(part: Any) -> bool:
    return isinstance(part, str) and part.startswith(("constrained-", "function-"))
