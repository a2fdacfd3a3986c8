"""What movies and users files say, as the SQL expressions that ``ingest/movies.sql`` and ``users.sql`` want."""

from __future__ import annotations

from recengine.movielens.reader import GENRES_OF_100K
from recengine.movielens.records import Reading
from recengine.movielens.source import Layout
from recengine.warehouse import sqlfiles

# ml-1m writes occupations as codes; these are its README's names, in the order of the codes.
OCCUPATIONS_OF_1M = (
    "other",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)


def movie_columns(layout: Layout, reading: Reading) -> dict[str, str]:
    """The expressions of ``ingest/movies.sql``."""
    separator = sqlfiles.literal(reading.list_separator)
    lists = [
        f"{{'name': {sqlfiles.literal(name)}, 'values': genres_of(further_{i}, {separator})}}"
        for i, name in enumerate(reading.further)
    ]
    columns = {
        "title": "title",
        "genres": f"genres_of(genres, {separator})" if "genres" in reading.columns else "[]::VARCHAR[]",
        "year": "coalesce(year_in(year), year_of(title))" if "year" in reading.columns else "year_of(title)",
        "categories": _map(lists, "VARCHAR[]", "len(e.values) > 0"),
    }
    if layout.name == "ml-100k":
        flags = (
            f"CASE flag_{i} WHEN '1' THEN {sqlfiles.literal(g)} END" for i, g in enumerate(GENRES_OF_100K)
        )
        columns["genres"] = f"genres_of(concat_ws('|', {', '.join(flags)}), '|')"
    elif layout.name != "csv":
        # "Title:::Drama" splits at the first "::": the third colon belongs to the title.
        columns["title"] = "CASE WHEN starts_with(genres, ':') THEN title || ':' ELSE title END"
        columns["genres"] = "genres_of(ltrim(genres, ':'), '|')"
    return columns


def user_columns(layout: Layout, reading: Reading) -> dict[str, str]:
    """The expressions of ``ingest/users.sql``."""
    columns = {
        name: name if name in reading.columns else "NULL::VARCHAR"
        for name in ("gender", "age", "occupation", "zip")
    }
    if layout.name == "ml-1m":
        named = ", ".join(sqlfiles.literal(name) for name in OCCUPATIONS_OF_1M)
        columns["occupation"] = (
            f"coalesce([{named}][try_cast({columns['occupation']} AS INTEGER) + 1], {columns['occupation']})"
        )
    values = [
        f"{{'name': {sqlfiles.literal(name)}, 'values': nullif(strip(further_{i}), '')}}"
        for i, name in enumerate(reading.further)
    ]
    return columns | {"attributes": _map(values, "VARCHAR", "e.values IS NOT NULL")}


def _map(entries: list[str], kind: str, kept: str) -> str:
    """SQL expression: a map of names to what a record says, without what it does not say."""
    if not entries:
        return f"MAP {{}}::MAP(VARCHAR, {kind})"
    return f"map_from_entries(list_filter([{', '.join(entries)}], lambda e: {kept}))"
