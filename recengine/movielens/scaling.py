"""Which scale a load reads its ratings by, and remembering it in ``ops.scale``."""

from __future__ import annotations

import logging
from dataclasses import replace

import duckdb
import numpy as np
from numpy.typing import NDArray

from recengine.errors import BadInput, BadSource
from recengine.movielens.description import FILE_NAME
from recengine.movielens.reader import reading_of
from recengine.movielens.scale import (
    IMPLICIT,
    LARGEST,
    SCALE_VERSION,
    Scale,
    ScaleFinding,
    as_declared,
    infer,
    parse,
)
from recengine.movielens.source import Source
from recengine.warehouse import sqlfiles
from recengine.warehouse.history import contents

# With more different values among the first ratings, their scale has no grid.
LOOKED_AT, MOST_VALUES = 100_000, 20_000

log = logging.getLogger(__name__)


def declared_text(source: Source, asked: str) -> str | None:
    """The scale as the option or ``dataset.toml`` says it, the option first; None where neither does."""
    return asked or (source.description.scale if source.description else None) or None


def reading_key(source: Source, asked: str) -> str:
    """What of the scale decides how a file is read, besides the ratings themselves."""
    return f"scale {declared_text(source, asked) or 'found'} v{SCALE_VERSION}"


def begin(con: duckdb.DuckDBPyConnection, source: Source, asked: str) -> None:
    """Set what judging single lines needs: whether a rating may be missing.

    Raises
    ------
    BadInput, BadSource
        The declared scale is none.
    """
    text = declared_text(source, asked)
    implicit = text is not None and _parsed(text, source, asked) is None
    con.execute(f"SET VARIABLE implicit = {implicit}")


def decide(con: duckdb.DuckDBPyConnection, source: Source, asked: str) -> tuple[ScaleFinding, bool]:
    """The scale of all ratings that were read, also set as variables; and whether some are off it."""
    continuous, ratings, counts = _values(con)
    text = declared_text(source, asked)
    if text is not None:
        finding = as_declared(ratings, counts, _parsed(text, source, asked))
    elif without := _without_ratings(source):
        finding = ScaleFinding(None, False, f"{IMPLICIT}: {without}")
    else:
        finding = infer(ratings, counts, source.layout.scale)
    scale = finding.scale
    ends = (scale.low, scale.high, scale.step or None) if scale else (None, None, None)
    for name, value in zip(("scale_low", "scale_high", "scale_step"), ends, strict=True):
        con.execute(f"SET VARIABLE {name} = {'NULL' if value is None else float(value)}::DOUBLE")
    before = con.execute("SELECT scale FROM ops.scale, ops.dataset WHERE dataset = ?", [source.dataset])
    for (earlier,) in before.fetchall():
        if earlier != str(finding):
            finding = replace(finding, evidence=f"{finding.evidence}; by the load before it was {earlier}")
    return finding, scale is not None and (continuous or not scale.holds(ratings).all())


def _values(con: duckdb.DuckDBPyConnection) -> tuple[bool, NDArray[np.float32], NDArray[np.int64]]:
    """Whether there are too many different ratings to list them, and the ratings, or bins of them, with counts."""
    [(kinds,)] = sqlfiles.run(con, "ingest/rating_kinds", {"rows": LOOKED_AT}).fetchall()
    if continuous := kinds > MOST_VALUES:
        values = sqlfiles.run(con, "ingest/rating_bins", {"largest": LARGEST}).fetchnumpy()
    else:
        values = sqlfiles.run(con, "ingest/rating_values").fetchnumpy()
    return continuous, values["rating"], values["often"]


def changes(con: duckdb.DuckDBPyConnection, scale: str) -> bool:
    """Whether the last load was by another scale, so that its lines have to be judged anew."""
    return con.execute("SELECT scale FROM ops.scale").fetchall() != [(scale,)]


def remember(
    con: duckdb.DuckDBPyConnection, source: Source, asked: str, scale: str, evidence: str
) -> Scale | None:
    """Note the scale in ``ops.scale`` and in the log; returns it."""
    liked_from = source.description.liked_from if source.description else None
    declared = declared_text(source, asked) is not None
    contents.replace_scale(con, scale, declared, liked_from, evidence)
    log.info("ingest: %s", evidence)
    return parse(scale)


def _without_ratings(source: Source) -> str | None:
    """A sentence where no ratings file has a column of ratings; all have one or none (see reader.refuse_mixed)."""
    files = [file for file in source.files if file.role == "ratings"]
    lacking = [file for file in files if "rating" not in reading_of(file, source.layout).columns]
    names = ", ".join(file.name for file in lacking[:3]) + (" …" if len(lacking) > 3 else "")
    return (
        f"{names} has no column of ratings (rating, score, stars), a line says who took what"
        if lacking
        else None
    )


def _parsed(text: str, source: Source, asked: str) -> Scale | None:
    try:
        return parse(text)
    except BadInput as error:
        if asked:
            raise
        path = source.folder / FILE_NAME
        problem = f"scale: {str(error).partition(';')[0]}"
        raise BadSource(path, problem, f"write it as low-high/step, such as 0-10/1, or {IMPLICIT}") from error
