"""Why a user was recommended what: the published reasons, as a reader asks for them."""

from __future__ import annotations

import duckdb
import pandas as pd

from recengine.config import Home
from recengine.errors import BadInput, NotReady
from recengine.serving.queries import id_of, serving
from recengine.warehouse import sqlfiles

WORDS = {
    "popularity": "many rate it at all",
    "trend": "many rate it now",
    "rule": "rules",
    "variety": "the switches of the lists",
    "rest": "everything else",
}


def why(home: Home, user: int | str, movie: int | None = None) -> pd.DataFrame:
    """What speaks for a user's recommendations, the strongest first, and the rest.

    Parameters
    ----------
    home : Home
    user : int or str
        The user's id, or it as the source writes it where that is text.
    movie : int, optional
        One of the user's recommendations; all of them if left out.

    Returns
    -------
    DataFrame
        Columns rank, movie_id, title, reason, kind, because_movie_id, because_title, attribute, share, part.

    Raises
    ------
    NotReady
        Nothing is published, or no reasons are.
    BadInput
        The user has no list, or the movie is not in it.
    """
    with serving(home) as con:
        _check_there_are_any(con)
        user_id = id_of(con, user)
        frame = sqlfiles.run(con, "reading/why", {"user_id": user_id, "movie_id": movie}).df()
        listed = con.execute(
            "SELECT list(movie_id ORDER BY rank) FROM recommendations WHERE user_id = ?", [user_id]
        ).fetchall()[0][0]
    if not listed:
        raise BadInput(f"User {user} has no list of their own, so nothing to give reasons for.")
    if frame.empty:
        raise BadInput(
            f"Movie {movie} is not in the list of user {user}; it holds {', '.join(map(str, listed[:10]))}."
        )
    return frame


def to_read(frame: pd.DataFrame) -> pd.DataFrame:
    """The same for people: the reason in words, shares in percent; the part in the score's unit."""
    said = frame["because_title"].fillna(frame["attribute"]).fillna(frame["kind"].map(WORDS)).fillna("")
    return pd.DataFrame(
        {
            "rank": frame["rank"],
            "title": frame["title"].where(frame["reason"] == 1, ""),
            "kind": frame["kind"],
            "among the reasons": said,
            "share": [f"{share:.1%}" for share in frame["share"]],
            "part": [f"{part:.4f}" for part in frame["part"]],
        }
    )


def _check_there_are_any(con: duckdb.DuckDBPyConnection) -> None:
    said = "off"  # in versions of earlier releases
    if con.execute("FROM duckdb_tables() WHERE table_name = 'reasons'").fetchone():
        [(said,)] = con.execute("SELECT reasons FROM publication").fetchall()
    if said == "off":
        raise NotReady("Reasons were not made for what is published", "run with --reasons 3")
    if said != "exact":
        raise NotReady(f"There are no reasons ({said})", "publish with a model that has them, such as hybrid")
