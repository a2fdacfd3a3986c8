"""What a night goes on with when nobody says what to read, and what it must not replace unasked.

A home holds one dataset's published tables. A run that names neither dataset nor source goes on with theirs:
the same source, and, where they are left at their defaults, the same limits and top N. They are remembered
in ``nights.json`` when a night publishes; of a home without that file the history of loads tells the source.

A dataset is known by its name. Another name over the published one needs ``force``. The same name from
another path is the same dataset, copied or moved, if it holds the published movies; else it needs force too.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import get_args

import duckdb
from pydantic import BaseModel, ConfigDict, ValidationError

from recengine.config import DatasetName, Home, NightDataset
from recengine.errors import BadInput
from recengine.knobs.stages import IngestConfig
from recengine.runtime.json_files import read_json, write_json
from recengine.runtime.paths import user_path
from recengine.serving.versions import current_publication
from recengine.warehouse.connection import published
from recengine.warehouse.history import contents, loads

log = logging.getLogger(__name__)

# Less than this share of the smaller catalogue in common, by id and title: another dataset of the same name.
SAME_MOVIES = 0.5


class Night(BaseModel):
    """What a night reads, how, and how many recommendations a user gets; None is not said."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    dataset: str | None = None
    source: str | None = None
    limits: IngestConfig = IngestConfig()
    top_n: int | None = None


def named(dataset: NightDataset) -> str | None:
    """The dataset that a form names; None for the published one."""
    return None if dataset == "published" else dataset


def going_on(con: duckdb.DuckDBPyConnection, home: Home, asked: Night) -> Night:
    """The night that was asked for; where it names nothing to read, the one that stands.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse.
    home : Home
        Whose published tables count; without any, what was loaded last; on an empty home, the demo.
    asked : Night
        What the person or the schedule said.
    """
    if source := user_path(asked.source):
        return asked.model_copy(update={"source": str(source.absolute())})
    if asked.dataset is not None:
        return asked.model_copy(update={"source": None})
    seen = current_publication(home)
    dataset = seen.dataset if seen else None
    night = remembered(home).get(dataset or "") or _last_load(con, dataset) or Night(dataset="demo")
    log.info("night: goes on with %s", night.source or night.dataset)
    limits = night.limits if asked.limits == IngestConfig() else asked.limits
    return night.model_copy(update={"limits": limits, "top_n": asked.top_n or night.top_n})


def remember(home: Home, dataset: str, night: Night) -> None:
    """Note that ``dataset`` was published by this night."""
    nights = remembered(home) | {dataset: night}
    write_json(_file(home), {name: known.model_dump(mode="json") for name, known in nights.items()})


def remembered(home: Home) -> dict[str, Night]:
    """The nights that published, by dataset; what cannot be read counts as not there."""
    nights: dict[str, Night] = {}
    for name, night in read_json(_file(home)).items():
        try:
            nights[name] = Night.model_validate(night)
        except ValidationError:
            log.warning("%s: what it says of %s cannot be read and is left out", _file(home), name)
    return nights


def refuse_to_replace(home: Home, dataset: str, *, force: bool = False) -> None:
    """Another dataset than the published one needs ``force``.

    Raises
    ------
    BadInput
        Readers see another dataset's tables.
    """
    seen = current_publication(home)
    if force or seen is None or seen.dataset == dataset:
        return
    raise BadInput(
        f"{seen.dataset!r} is published in {home.root}; {dataset!r} would replace it: "
        "use --force (the form's force), or another --home."
    )


def refuse_other_movies(con: duckdb.DuckDBPyConnection, home: Home, *, force: bool = False) -> None:
    """What is loaded under the published dataset's name from another path must hold its movies.

    Raises
    ------
    BadInput
        It holds others: two folders that only share a name.
    """
    seen = None if force else current_publication(home)
    if seen is None:
        return
    then, now = loads.source_of(con, seen.input_fingerprint), loads.source_of(con, contents.input_of(con))
    if None in (then, now) or then == now:
        return
    with published(home.serving_link) as readers:
        old = set(readers.execute("SELECT movie_id, title FROM movies").fetchall())
    new = set(con.execute("SELECT movie_id, title FROM core.movies").fetchall())
    if len(old & new) < SAME_MOVIES * min(len(old), len(new)):
        raise BadInput(
            f"{seen.dataset!r} is published in {home.root} from {then}; {now} has the same name but other "
            "movies and would replace it: use --force (the form's force), or another --home."
        )


def _last_load(con: duckdb.DuckDBPyConnection, dataset: str | None) -> Night | None:
    """What was loaded last, of this dataset if one is named."""
    loaded = loads.last_source(con, dataset)
    if loaded is None:
        return None
    name, folder = loaded[0], Path(loaded[1])
    by_name = name in get_args(DatasetName) and (folder.parent.name, folder.name) == ("sources", name)
    return Night(dataset=name) if by_name else Night(source=str(folder))


def _file(home: Home) -> Path:
    return home.root / "nights.json"
