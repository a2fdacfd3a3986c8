"""The page that ``recengine browse`` shows; Streamlit runs it from top to bottom at every click.

It reads the published file alone, opened anew for each question, so that a new version is seen at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from recengine.config import Home
from recengine.errors import RecengineError
from recengine.serving import browsing, queries, reasons

MOST_ROWS = 1000  # of an answer to SQL
_EXAMPLE = """SELECT title, count(*) AS users
FROM recommendations_detailed
GROUP BY title ORDER BY users DESC LIMIT 10"""
_SHOWN = {
    "relevance": st.column_config.ProgressColumn(format="%.2f", min_value=0, max_value=1),
    "similarity": st.column_config.ProgressColumn(format="%.2f", min_value=0, max_value=1),
    "popularity": st.column_config.ProgressColumn(format="%.2f", min_value=0, max_value=1),
    "hit_rate": st.column_config.NumberColumn(format="percent"),
    "year": st.column_config.NumberColumn(format="%d"),
    "title": st.column_config.TextColumn(width="medium"),
    "genres": st.column_config.ListColumn(width="medium"),
    "user_id": None,
}


@st.cache_resource
def _one_at_a_time() -> threading.Lock:
    """A query on the published file locks its connection's settings: each has the file alone."""
    return threading.Lock()


def _asked(question: Callable[..., Any], *arguments: object) -> Any:
    """An answer; a person's own mistake stands on the page as a sentence."""
    try:
        with _one_at_a_time():
            return question(Home.there(), *arguments)
    except RecengineError as error:
        st.error(str(error))
        return None


def _table(frame: pd.DataFrame | None, **options: Any) -> Any:
    """A table, or a word where it holds nothing."""
    if frame is None:
        return None
    if frame.empty:
        return st.info("Nothing here.")
    return st.dataframe(frame, hide_index=True, column_config=_SHOWN, **options)


def _chosen(frame: pd.DataFrame | None, key: str) -> pd.Series[Any] | None:
    """The row that is clicked; the first one before that."""
    if frame is None or frame.empty:
        _table(frame)
        return None
    picked = _table(
        frame, on_select="rerun", selection_mode="single-row", height=min(250, 37 * (len(frame) + 1)), key=key
    )
    return frame.iloc[(picked.selection.rows or [0])[0]]


def _users() -> None:
    st.header("Users and their lists")
    text = st.text_input("User id, or how it begins")
    user = _chosen(_asked(browsing.users, text), "users")
    if user is None:
        return
    st.subheader(f"Recommended to user {user['user']}")
    _table(_asked(queries.top, str(user["user"])))
    st.subheader("Among the reasons")
    st.caption("Parts of each score, as shares; nothing is recommended because of one movie alone.")
    parts = _asked(reasons.why, str(user["user"]))
    _table(None if parts is None else reasons.to_read(parts))


def _movies() -> None:
    st.header("Similar movies")
    movie = _chosen(_asked(browsing.movies, st.text_input("Part of a title")), "movies")
    if movie is not None:
        st.subheader(f"Rated by the same people as {movie['title']}")
        _table(_asked(browsing.similar, int(movie["movie_id"])))


def _popular() -> None:
    st.header("Popular by segment")
    segments = _asked(browsing.segments)
    if segments:
        _table(_asked(browsing.popular, st.selectbox("Segment", segments)))


def _outcomes() -> None:
    st.header("What came of the lists")
    st.caption("A hit is a listed movie that its user rated while the list was live.")
    frame = _asked(browsing.outcomes)
    if frame is not None and not frame.empty:
        st.line_chart(frame, x="day", y="hit_rate")
    _table(frame)


def _sql() -> None:
    st.header("SQL")
    asking, explained = st.columns([3, 2])
    with asking:
        query = st.text_area("One SELECT on the published tables", _EXAMPLE, height=180)
        if st.button("Run", type="primary"):
            answer = _asked(queries.sql, query, MOST_ROWS)
            _table(answer)
            if answer is not None and len(answer) == MOST_ROWS:
                st.caption(f"The first {MOST_ROWS:,} rows; `recengine sql` gives all.")
    with explained:
        comments = _asked(browsing.comments)
        if comments is not None:
            table = st.selectbox("What a table holds", list(comments["table_name"].unique()))
            _table(comments[comments["table_name"] == table].drop(columns="table_name"))


_PAGES = {
    "Users": _users,
    "Similar movies": _movies,
    "Popular": _popular,
    "Outcomes": _outcomes,
    "SQL": _sql,
}


def main() -> None:
    """The page of the side bar's choice."""
    st.set_page_config("recengine", layout="wide")
    with st.sidebar:
        st.title("recengine")
        choice = st.radio("What to look at", list(_PAGES), label_visibility="collapsed")
        published = _asked(queries.sql, "SELECT version, dataset, model FROM publication")
        if published is not None:
            row = published.iloc[0]
            st.caption(f"{row['dataset']}, by {row['model']}, version {row['version']}. Read-only.")
    _PAGES[choice]()


main()
