"""What a night would do and why, found out without doing any of it: nothing is written, fetched or made.

It looks at the files, at the warehouse as it is, at what the last decision was asked, and at how long the last nights
took.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from pydantic import BaseModel

from flows import request as asking
from recengine import ingest
from recengine.config import Home
from recengine.knobs.sources import Knobs
from recengine.movielens import description
from recengine.movielens.archive import unpacked
from recengine.movielens.facts import FileFacts, facts_of
from recengine.movielens.layouts import Source, recognise
from recengine.selection import reuse
from recengine.serving import continuity, runs
from recengine.serving.continuity import Night
from recengine.warehouse.connection import looked_at
from recengine.warehouse.history import contents, forgotten, loads

NIGHTS = 5  # whose seconds are looked at

# What a request is made of, as people would say it.
_PARTS = {
    "recipe": "the model or one of its knobs",
    "rules": "how good a new model must be",
    "rules of lists": "the rules of the lists",
    "devices": "the device",
    "score": "how lists are made",
    "publish": "what is published",
    "code": "the code of the model, of the engine or of a library",
}


class Plan(BaseModel):
    """What would run, and why.

    Attributes
    ----------
    dataset : str
    source : str or None
        The folder or zip; None for a dataset by name.
    runs : bool
        Whether the night would go on after it has looked at the files.
    why : list of str
        Sentences: why it would, or would not.
    files : dict of str to str
        Of each file whose content is not what is loaded: new, changed or gone.
    unchanged : int
        Files that are as they were.
    verdict : str
        Whether the candidates would be judged, and why.
    nights : int
        How many of the last nights that ended alike the seconds are of.
    seconds : dict of str to float
        Medians by stage.
    total : float or None
        The median of whole nights; None where there were none.
    """

    dataset: str
    source: str | None
    runs: bool
    why: list[str]
    files: dict[str, str] = {}
    unchanged: int = 0
    verdict: str = ""
    nights: int = 0
    seconds: dict[str, float] = {}
    total: float | None = None


def plan(home: Home, asked: Night, knobs: Knobs, *, force: bool = False) -> Plan:
    """What a night would do now.

    Parameters
    ----------
    home : Home
        Whose night; it need not be there.
    asked : Night
        What the night would be told.
    knobs : Knobs
        In force for it.
    force : bool
        Whether it would run although nothing changed.

    Raises
    ------
    WarehouseBusy
        A run has the warehouse.
    NotReady
        An earlier release's warehouse, or one that a crash left, has to be brought up to date first.
    BadInput, BadSource, UnknownLayout
        What the night itself would say of its source.
    """
    with looked_at(home.warehouse) as con:
        night = continuity.going_on(con, home, asked)
        if night.source is None:
            continuity.refuse_to_replace(home, night.dataset or "demo", force=force)
        with _source(home, night) as source:
            if isinstance(source, str):
                made = Plan(dataset=_name(night), source=night.source, runs=True, why=[source])
                return _timed(home, made, "Published")
            continuity.refuse_to_replace(home, source.dataset, force=force)
            made, fingerprint, loaded = _compared(con, source, night)
    return _timed(home, *_asked(home, night, knobs, made, fingerprint, loaded, force))


def _name(night: Night) -> str:
    return night.dataset or Path(night.source or "demo").stem


@contextmanager
def _source(home: Home, night: Night) -> Iterator[Source | str]:
    """The recognised source; a sentence where it can be had only by making it."""
    if night.source is None:
        name = night.dataset or "demo"
        folder = home.sources / name
        if folder.is_dir() and any(folder.iterdir()):
            yield recognise(folder, name)
        else:
            made = "generated" if name == "demo" else "downloaded"
            yield f"{name} is not here yet: it would be {made} first."
        return
    path = Path(night.source)
    with tempfile.TemporaryDirectory(prefix="recengine-plan-") as scratch:
        folder, named = (unpacked(path, Path(scratch)), path.stem) if path.is_file() else (path, None)
        told = description.load(folder) if folder.is_dir() else None
        if told is not None and told.reader is not None:
            yield f"{folder} has a reader of its own, {told.reader}: only a run asks it what there is."
        else:
            yield recognise(folder, named)


def _compared(con: duckdb.DuckDBPyConnection, source: Source, night: Night) -> tuple[Plan, str, int]:
    """What is new in the files; the fingerprint they would load as; how many ratings are loaded now."""
    facts = {file.name: facts_of(file.path) for file in source.files}
    known = dict(con.execute("SELECT name, sha256 FROM ops.files").fetchall())
    files = _files(facts, known)
    fingerprint = forgotten.fingerprint(con, ingest.input_fingerprint(source, facts, night.limits))
    why = []
    if files:
        count = {state: list(files.values()).count(state) for state in ("new", "changed", "gone")}
        told = ", ".join(f"{n} {state}" for state, n in count.items() if n)
        why.append(
            f"Of {source.dataset}'s files {told}; {len(facts) - count['new'] - count['changed']} as they were."
        )
    elif contents.input_of(con) != fingerprint:
        why.append("The files are as they were, but would be read in another way.")
    if not ingest.rules_are_loaded(con, source):
        why.append("The rules that come with the data are others.")
    made = Plan(
        dataset=source.dataset,
        source=night.source,
        runs=bool(why),
        why=why,
        files=files,
        unchanged=sum(known.get(name) == told.sha256 for name, told in facts.items()),
    )
    return made, fingerprint, loads.last_count(con, source.dataset)


def _files(facts: dict[str, FileFacts], known: dict[str, str]) -> dict[str, str]:
    there = {
        name: "changed" if name in known else "new"
        for name, told in facts.items()
        if known.get(name) != told.sha256
    }
    return there | dict.fromkeys(sorted(known.keys() - facts.keys()), "gone")


def _asked(
    home: Home, night: Night, knobs: Knobs, made: Plan, fingerprint: str, ratings: int, force: bool
) -> tuple[Plan, str]:
    """The plan with what is asked now against what was asked last; and how the night would end."""
    scoring = knobs.score.model_copy(update={"top_n": night.top_n} if night.top_n else {})
    request = asking.request_of(home, made.dataset, knobs.train, scoring, knobs.publish)
    with looked_at(home.warehouse) as con:
        same = asking.already_answered(con, home, request, fingerprint)
        before = asking.last_request(con)
    why = [*made.why, *_changed(before, request)]
    if force:
        why.append("It is forced.")
    if knobs.train.reuse.from_scratch:
        why.append("A training from scratch is asked for.")
    goes_on = made.runs or not same or force or knobs.train.reuse.from_scratch
    if not goes_on:
        why = ["Neither files nor settings changed since the last decision: the published tables stay."]
        return made.model_copy(update={"runs": False, "why": why}), "Unchanged"
    verdict = "The candidates are judged: it is forced."
    if not force:
        verdict = reuse.foreseen(home, made.dataset, ratings, knobs.train)
    unlike = ["What the last decision left is not here any more."]
    return made.model_copy(update={"runs": True, "why": why or unlike, "verdict": verdict}), "Published"


def _changed(before: dict[str, Any] | None, request: str) -> list[str]:
    if before is None:
        return ["Nothing was decided here before."]
    now = json.loads(request)
    other = [words for part, words in _PARTS.items() if before.get(part) != now.get(part)]
    return [f"Another than at the last decision: {'; '.join(other)}."] if other else []


def _timed(home: Home, made: Plan, outcome: str) -> Plan:
    """The plan with what the last nights of the dataset that ended so took."""
    alike = [
        run
        for run in runs.last(home, flow="nightly")
        if (run.dataset, run.outcome) == (made.dataset, outcome) and run.seconds
    ][-NIGHTS:]
    if not alike:
        return made
    stages = {
        stage: [run.seconds[stage] for run in alike if stage in run.seconds] for stage in alike[-1].seconds
    }
    return made.model_copy(
        update={
            "nights": len(alike),
            "seconds": {stage: round(statistics.median(took), 1) for stage, took in stages.items()},
            "total": round(statistics.median(run.took for run in alike), 1),
        }
    )
