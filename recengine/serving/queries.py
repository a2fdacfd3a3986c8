"""What readers ask of the published file: a user's list, any SELECT, and what is published."""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from recengine.config import Home
from recengine.errors import BadInput, BadSource, Damaged, NotReady, WarehouseBusy
from recengine.serving import runs
from recengine.serving.versions import current_version, versions
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import published, warehouse

LAST_RUNS = 5

# A number of 64 bits.
_NUMBER = re.compile(r"\s*[+-]?\d{1,19}\s*")


def _frame(result: duckdb.DuckDBPyConnection | duckdb.DuckDBPyRelation) -> pd.DataFrame:
    """A result's rows; of times with a zone DuckDB asks pandas in a way that will go."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return result.df()


@contextmanager
def serving(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published file read-only, as any reader does.

    Raises
    ------
    NotReady
        Nothing is published yet.
    """
    if not home.serving_link.exists():
        raise NotReady(f"Nothing is published under {home.root} yet", "run `recengine run` first")
    # Beside the published file there is no place to spill to: it may belong to somebody else. A query may
    # read every file below the folder it spills to, so that folder is a new and empty one.
    with tempfile.TemporaryDirectory(prefix="recengine-") as spill, published(home.serving_link) as con:
        con.execute(f"SET temp_directory = {sqlfiles.path_literal(Path(spill))}")
        yield con


def top(home: Home, user: int | str, n: int | None = None) -> pd.DataFrame:
    """A user's recommendations with titles; an unknown user gets the popular movies.

    Parameters
    ----------
    user : int or str
        The user's id, or it as the source writes it where that is text.

    Returns
    -------
    DataFrame
        Columns rank, movie_id, title, year, genres, score, predicted_rating (missing for popular movies),
        source ("recommendations" or "popular_movies"), at most n rows.
    """
    if isinstance(user, str) and not _NUMBER.fullmatch(user) and not home.serving_link.exists():
        raise _no_user(user)
    with serving(home) as con:
        return sqlfiles.run(con, "reading/top", {"user_id": id_of(con, user), "n": n or 1000}).df()


def id_of(con: duckdb.DuckDBPyConnection, user: int | str) -> int | None:
    """The id that a user's key stands for; None for a key that nobody has."""
    if isinstance(user, int):
        return user
    # Versions published by earlier releases have ids only.
    keyed = con.execute(
        "SELECT 1 FROM duckdb_columns() WHERE table_name = 'users' AND column_name = 'user_key'"
    )
    if keyed.fetchone():
        row = con.execute("SELECT user_id FROM users WHERE user_key = ?", [user.strip()]).fetchone()
        if row:
            return int(row[0])
        if con.execute("SELECT 1 FROM users WHERE user_key <> user_id::VARCHAR LIMIT 1").fetchone():
            return None
    if not _NUMBER.fullmatch(user):
        raise _no_user(user)
    return int(user)


def _no_user(user: str) -> BadInput:
    return BadInput(
        f"User {user!r} is not known. Input should be a valid integer, or an id as the files of the published data "
        "write it."
    )


def sql(home: Home, query: str, most: int | None = None) -> pd.DataFrame:
    """The result of one read-only query on the published file, or its first ``most`` rows.

    Raises
    ------
    BadInput
        The query is not one SELECT, or DuckDB refuses it; its message says why.
    """
    with serving(home) as con:
        try:
            statements = con.extract_statements(query)
            if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
                raise BadInput("Give one SELECT and nothing else: the published tables are for reading.")
            # No files, no network, no variables of this program: only what is published.
            con.execute("SET enable_external_access = false")
            con.execute("SET python_enable_replacements = false")
            con.execute("SET lock_configuration = true")
            if most is not None:
                return _frame(con.sql(statements[0]).limit(most))
            return _frame(con.execute(statements[0]))
        except duckdb.Error as error:
            # DuckDB's own text goes on with the query and a pointer into it.
            sentence = " ".join(str(error).partition("\n\nLINE ")[0].split())
            raise BadInput(f"DuckDB refused the query: {sentence}") from error


def status(home: Home) -> dict[str, Any]:
    """What is published, by which model, from which data, the last runs, and the last loads and publications.

    Raises
    ------
    NotReady
        Nothing is published yet; where a run has ended otherwise, it says of what.
    """
    ended = runs.last(home, LAST_RUNS)[::-1]
    try:
        with serving(home) as con:
            publication = _frame(con.execute("FROM publication")).iloc[0].to_dict()
    except NotReady as nothing:
        if not ended:
            raise
        said = (
            f"{nothing.what}: the last run, {ended[0].name}, ended as {ended[0].outcome} ({ended[0].reason})"
        )
        raise NotReady(said, "mend that and run again") from None
    for name in {"metrics", "switches"} & publication.keys():
        publication[name] = json.loads(publication[name])
    answer = {"publication": publication, "version": current_version(home), "versions": versions(home)}
    answer |= {"runs": [_told(run) for run in ended], "loads": [], "publications": []}
    if not home.warehouse.exists():
        return answer
    try:
        with warehouse(home.warehouse, wait_seconds=0) as con:
            for name in ("loads", "publications"):
                frame = sqlfiles.run(con, f"reading/last_{name}").df()
                answer[name] = frame.astype(object).where(frame.notna(), None).to_dict("records")
    except (WarehouseBusy, BadSource, Damaged) as closed:  # a reader may not be allowed to open it
        answer["busy"] = str(closed)
    return answer


def _told(run: runs.Run) -> dict[str, Any]:
    """A run that is over, in short."""
    told = run.model_dump(include={"name", "outcome", "reason"})
    return told | {"ended": f"{run.ended} UTC", "seconds": run.took}
