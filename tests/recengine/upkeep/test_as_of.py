"""A home as of a day: the ratings up to it, as a load of only those would have been; the home itself is as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from recengine import features, ingest
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.errors import BadInput, NotReady
from recengine.knobs.stages import IngestConfig
from recengine.movielens.layouts import recognise
from recengine.upkeep import forget
from recengine.upkeep.as_of import home_as_of
from recengine.warehouse.connection import warehouse

DAY = date(2020, 3, 2)
LAST_SECOND = int(datetime(2020, 3, 2, 23, 59, 59, tzinfo=UTC).timestamp())
# user, movie, stars, seconds since 1970
RATINGS = [
    (1, 1, 3, LAST_SECOND - 5000),
    (1, 1, 5, LAST_SECOND + 1),  # superseded what counted on that day
    (1, 2, 4, LAST_SECOND),
    (2, 1, 2, LAST_SECOND - 9000),
    (2, 1, 1, LAST_SECOND - 9500),  # superseded already then
    (2, 2, 2, LAST_SECOND - 100),
    (2, 2, 2, LAST_SECOND - 100),  # repeated
    (3, 3, 5, LAST_SECOND + 86_400),  # nobody knew this user
]


def write(
    folder: Path, ratings: list[tuple[int, ...]], header: str = "userId,movieId,rating,timestamp"
) -> Path:
    folder.mkdir()
    lines = [",".join(map(str, row)) for row in ratings]
    (folder / "ratings.csv").write_text("\n".join([header, *lines, ""]))
    movies = [f"{movie},Film {movie} (1990),Drama" for movie in (1, 2, 3)]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *movies, ""]))
    return folder


def loaded(home: Home, folder: Path) -> Home:
    with warehouse(home.warehouse) as con:
        ingest.ingest(con, recognise(folder), IngestConfig(max_bad_share=1))
    return home


def core(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    with warehouse(home.warehouse) as con:
        return {
            table: con.execute(f"FROM core.{table} ORDER BY ALL").fetchall()
            for table in ("ratings", "users", "movies")
        }


def snapshot_of(home: Home) -> Snapshot:
    with warehouse(home.warehouse) as con:
        return Snapshot.load(features.build(con, home).folder)


def test_it_holds_what_a_load_of_those_ratings_would_hold(tmp_path: Path) -> None:
    live = loaded(Home.at(tmp_path / "home"), write(tmp_path / "all", RATINGS))
    early = [row for row in RATINGS if row[3] <= LAST_SECOND]
    wanted = loaded(Home.at(tmp_path / "early"), write(tmp_path / "until", early))
    before = core(live)
    snapshot_of(live)  # its fingerprint must not be taken for that of the day
    for _ in range(2):  # made anew
        then = home_as_of(live, DAY)
        assert core(then) == core(wanted)
        assert then.root == live.root / "as-of" / "2020-03-02"
    assert [row[2] for row in core(then)["ratings"]] == [3, 4, 2, 2]
    found, expected = snapshot_of(then), snapshot_of(wanted)
    assert found.fingerprint not in (expected.fingerprint, snapshot_of(live).fingerprint)
    assert (found.ratings != expected.ratings).nnz == 0
    assert found.rated_at.tolist() == expected.rated_at.tolist()
    assert core(live) == before


def test_what_was_learnt_of_later_ratings_is_not_there_and_forget_takes_it_away(tmp_path: Path) -> None:
    live = loaded(Home.at(tmp_path / "home"), write(tmp_path / "all", RATINGS))
    with warehouse(live.warehouse) as con:
        con.execute(
            "INSERT INTO ops.models VALUES ('later', 'ease', 'all', 's', 'i', '{}', '{}', now()::TIMESTAMP, 1)"
        )
    (live.root / "rules").mkdir()
    (live.root / "rules" / "exclude_3.sql").write_text("SELECT 3 AS movie_id")
    then = home_as_of(live, DAY)
    with warehouse(then.warehouse) as con:
        assert con.execute("FROM ops.models").fetchall() == []
    assert (then.root / "rules" / "exclude_3.sql").is_file()
    forget.forget(live, [1])
    assert not then.root.exists()


def test_what_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with pytest.raises(NotReady, match="Nothing is loaded"):
        home_as_of(home, DAY)
    loaded(home, write(tmp_path / "all", RATINGS))
    with pytest.raises(BadInput, match="No rating is of 2020-03-01 or before; the first is of 2020-03-02"):
        home_as_of(home, date(2020, 3, 1))
    undated = [row[:3] for row in RATINGS]
    loaded(home, write(tmp_path / "undated", undated, "userId,movieId,rating"))
    with pytest.raises(BadInput, match="say no time, so what was known on a day cannot be told"):
        home_as_of(home, DAY)
    assert not home.as_of.exists()
