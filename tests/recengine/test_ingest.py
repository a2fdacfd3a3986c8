"""Ingest on three-row frames of every layout: whole tables, every reason, the source as the truth."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ingest_frames import (
    FRAMES,
    MOVIES,
    RATINGS,
    frame,
    load,
    name_of,
    table,
    users_of,
    warehouse_in_memory,
    write,
)

from recengine.errors import BadSource, TooManyBadRows
from recengine.movielens import core_tables

LAYOUTS = sorted(FRAMES)
FUTURE = int(time.time()) + 10 * 86_400
DELIMITER = {"ml-100k": "\t", "ml-1m": "::", "ml-10m": "::", "csv": ","}


def rating(layout: str, *fields: object) -> str:
    return DELIMITER[layout].join(map(str, fields))


def movie(layout: str, movie_id: object, title: str) -> str:
    if layout == "ml-100k":
        return "|".join([str(movie_id), title, "", "", "", *["0"] * 19])
    return DELIMITER[layout].join([str(movie_id), title, "Drama"])


def user(layout: str, user_id: object) -> str:
    fields = {"ml-100k": "24|M|other|1", "ml-1m": "M::24::0::1", "csv": "M,24,other"}[layout]
    return f"{user_id}{'|' if layout == 'ml-100k' else DELIMITER[layout]}{fields}"


BAD_RATINGS: list[tuple[tuple[object, ...], str]] = [
    (("", 10, 4, 1000000000), "missing id"),
    ((1, "", 4, 1000000000), "missing id"),
    ((1, "9" * 20, 4, 1000000000), "id beyond 64 bits"),
    ((1.5, 10, 4, 1000000000), "unparsable id"),
    ((1, "nan", 4, 1000000000), "unparsable id"),
    (("1_000", 10, 4, 1000000000), "unparsable"),
    ((1, 10, "", 1000000000), "missing rating"),
    ((1, 10, 5.5, 1000000000), "rating outside the scale"),
    ((1, 10, 0, 1000000000), "rating outside the scale"),
    ((1, 10, "NaN", 1000000000), "rating outside the scale"),
    ((1, 10, "inf", 1000000000), "rating outside the scale"),
    ((1, 10, 1e40, 1000000000), "rating outside the scale"),
    ((1, 10, 3.25, 1000000000), "rating not on the star grid"),
    ((1, 10, 4, ""), "missing timestamp"),
    ((1, 10, 4, "nan"), "absurd timestamp"),
    ((1, 10, 4, -5), "absurd timestamp"),
    ((1, 10, 4, 12345), "absurd timestamp"),
    ((1, 10, 4, FUTURE), "timestamp in the future"),
    ((1, 10, 4, FUTURE * 1000), "timestamp in the future"),
    ((1, 999, 4, 1000000000), "unknown movie"),
    (("x", 10, 4, 1000000000), "unparsable"),
    ((1, 10, "five", 1000000000), "unparsable"),
    ((1, 10, 4), "unparsable"),
    ((1, 10, 4, 1000000000, 7), "unparsable"),
    (("1\x00", 10, 4, 1000000000), "unparsable"),
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_clean_frame_becomes_the_core_tables(layout: str, tmp_path: Path) -> None:
    con = warehouse_in_memory()
    report = load(con, write(tmp_path / "frame", frame(layout)), max_bad_share=0.0)
    assert table(con, "ratings") == RATINGS
    assert table(con, "movies") == MOVIES
    assert table(con, "users") == users_of(layout)
    assert table(con, "quarantine") == []
    assert (report.status, report.dataset, report.layout) == ("loaded", "frame", layout)
    assert (report.ratings, report.movies, report.users, report.quarantined) == (3, 3, 2, 0)
    assert report.users_without_attributes == (2 if layout == "ml-10m" else 0)
    assert report.rows_read == sum(rows for _, rows, _ in table(con, "files"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_bad_rating_is_quarantined_with_line_text_and_reason(layout: str, tmp_path: Path) -> None:
    lines = [rating(layout, *fields) for fields, _ in BAD_RATINGS]
    con = warehouse_in_memory()
    report = load(con, write(tmp_path / "f", frame(layout, ratings="\n".join(lines))))
    name, first = name_of(layout, "ratings"), 4 + (layout == "csv")
    expected = [
        (name, first + i, reason, line)
        for i, ((_, reason), line) in enumerate(zip(BAD_RATINGS, lines, strict=True))
    ]
    assert table(con, "quarantine") == expected
    assert table(con, "ratings") == RATINGS
    assert (name, 3 + len(lines), len(lines)) in table(con, "files")
    assert sum(report.quarantined_by_reason.values()) == report.quarantined == len(lines)
    assert report.quarantined_by_reason["rating outside the scale"] == 5


@pytest.mark.parametrize("layout", LAYOUTS)
def test_half_stars_are_on_the_grid_of_some_layouts(layout: str, tmp_path: Path) -> None:
    con = warehouse_in_memory()
    files = frame(layout, ratings=rating(layout, 2, 20, 0.5, 1000000003) + "\n")
    report = load(con, write(tmp_path / "f", files))
    if layout in ("ml-10m", "csv"):
        assert table(con, "ratings")[-1] == (2, 20, 0.5, 1000000003)
    else:
        assert report.quarantined_by_reason == {"rating outside the scale": 1}
    files = frame(layout, ratings=rating(layout, 2, 20, 3.5, 1000000003) + "\n")
    report = load(con, write(tmp_path / "f", files))
    good = layout in ("ml-10m", "csv")
    assert report.quarantined_by_reason == ({} if good else {"rating not on the star grid": 1})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_bad_movie_is_quarantined(layout: str, tmp_path: Path) -> None:
    lines = [
        movie(layout, "", "No id"),
        movie(layout, "x", "Odd id"),
        movie(layout, 1.5, "Half id"),
        movie(layout, 40, ""),
        movie(layout, 10, "Toys again (1995)"),
        "just text",
        movie(layout, 50, "Good (1995)"),
    ]
    reasons = [
        "missing id",
        "unparsable id",
        "unparsable id",
        "missing title",
        "duplicate movie",
        "unparsable",
    ]
    con = warehouse_in_memory()
    load(con, write(tmp_path / "f", frame(layout, movies="\n".join(lines))))
    name, first = name_of(layout, "movies"), 4 + (layout == "csv")
    assert table(con, "quarantine") == [
        (name, first + i, reason, line) for i, (reason, line) in enumerate(zip(reasons, lines, strict=False))
    ]
    assert table(con, "movies") == [
        *MOVIES,
        (50, "Good (1995)", 1995, [] if layout == "ml-100k" else ["Drama"]),
    ]
    assert (name, 10, 6) in table(con, "files")


@pytest.mark.parametrize("layout", ["ml-100k", "ml-1m", "csv"])
def test_every_bad_user_is_quarantined(layout: str, tmp_path: Path) -> None:
    lines = [user(layout, ""), user(layout, "x"), user(layout, 2), "what", user(layout, 7)]
    reasons = ["missing id", "unparsable id", "duplicate user", "unparsable"]
    con = warehouse_in_memory()
    load(con, write(tmp_path / "f", frame(layout, users="\n".join(lines))))
    name, first = name_of(layout, "users"), 3 + (layout == "csv")
    assert table(con, "quarantine") == [
        (name, first + i, reason, line) for i, (reason, line) in enumerate(zip(reasons, lines, strict=False))
    ]
    assert table(con, "users") == [*users_of(layout), (7, "M", 24, "other", 0)]


@pytest.mark.parametrize("layout", ["ml-100k", "ml-1m", "csv"])
def test_a_user_that_only_ratings_mention_has_no_attributes(layout: str, tmp_path: Path) -> None:
    con = warehouse_in_memory()
    files = frame(layout, ratings=rating(layout, 77, 10, 4, 1000000003) + "\n")
    report = load(con, write(tmp_path / "f", files), max_bad_share=0.0)
    assert table(con, "users") == [*users_of(layout), (77, None, None, None, 1)]
    assert report.users_without_attributes == 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_newest_rating_of_a_pair_wins_and_repeats_are_dropped(layout: str, tmp_path: Path) -> None:
    more = [
        rating(layout, 1, 10, 2, 1000000009),  # rated again: wins
        rating(layout, 1, 10, 1, 999999999),  # an older one: superseded
        rating(layout, 1, 20, 3, 1000000001),  # exact repeats
        rating(layout, 1, 20, 3, 1000000001),
    ]
    con = warehouse_in_memory()
    report = load(con, write(tmp_path / "f", frame(layout, ratings="\n".join(more))), max_bad_share=0.0)
    assert table(con, "ratings") == [(1, 10, 2.0, 1000000009), *RATINGS[1:]]
    assert (report.superseded_ratings, report.repeated_ratings, report.quarantined) == (2, 2, 0)


def test_of_two_ratings_at_one_second_the_later_file_then_the_higher_wins(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    header = "userId,movieId,rating,timestamp\n"
    files = frame("csv", ratings="2,20,4.5,1000000003\n2,20,1.5,1000000003\n") | {
        "ratings-2026-11-24.csv": header + "1,10,0.5,1000000000\n"
    }
    load(con, write(tmp_path / "f", files))
    assert table(con, "ratings") == [
        (1, 10, 0.5, 1000000000), *RATINGS[1:], (2, 20, 4.5, 1000000003)
    ]  # fmt: skip


def test_the_first_of_two_movies_files_by_date_describes_a_movie(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    files = frame("csv") | {
        "movies-2026-11-24.csv": "movieId,title,genres\n10,Renamed (1995),\n40,New (2026),\n"
    }
    load(con, write(tmp_path / "f", files))
    assert table(con, "movies") == [*MOVIES, (40, "New (2026)", 2026, [])]
    assert table(con, "quarantine") == [("movies-2026-11-24.csv", 2, "duplicate movie", "10,Renamed (1995),")]


def test_loading_twice_changes_nothing_and_reads_nothing(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    folder = write(tmp_path / "f", frame("csv", ratings="1,999,4,1000000000\nx\n1,10,5.0,1000000000\n"))
    first = load(con, folder)
    before = [con.execute(f"FROM {t} ORDER BY ALL").fetchall() for t in _tables()]
    second = load(con, folder)
    assert [con.execute(f"FROM {t} ORDER BY ALL").fetchall() for t in _tables()] == before
    assert (second.status, second.files_read, second.files_unchanged, second.rows_read) == (
        "unchanged", 0, 3, 0,
    )  # fmt: skip
    kept = {"ratings", "movies", "users", "repeated_ratings", "quarantined", "quarantined_by_reason"}
    assert second.model_dump(include=kept) == first.model_dump(include=kept)
    assert con.execute("SELECT status FROM ops.loads ORDER BY started_at").fetchall() == [
        ("loaded",), ("unchanged",),
    ]  # fmt: skip


def _tables() -> list[str]:
    return ["core.ratings", "core.movies", "core.users", "ops.quarantine", "ops.files", "ops.dataset"]


def test_a_changed_file_replaces_its_rows_and_only_it_is_read(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    files = frame("ml-1m")
    load(con, write(tmp_path / "f", files))
    files["ratings.dat"] = "2::20::1::1000000005\n1::10::9::1000000005\n"
    report = load(con, write(tmp_path / "f", files))
    assert (report.files_read, report.files_unchanged, report.files_removed) == (1, 2, 1)
    assert table(con, "ratings") == [(2, 20, 1.0, 1000000005)]
    assert table(con, "quarantine") == [
        ("ratings.dat", 2, "rating outside the scale", "1::10::9::1000000005")
    ]
    assert table(con, "users") == [(1, "M", 24, "technician/engineer", 0), (2, "F", 53, "other", 1)]


def test_files_added_beside_count_and_leave_no_trace_when_removed(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    folder = write(tmp_path / "f", frame("ml-1m"))
    load(con, folder)
    (folder / "ratings2.dat").write_text("9::10::4::1000000009\n9::888::4::1000000009\nbroken 9\n")
    report = load(con, folder)
    assert (report.files_read, report.files_unchanged) == (1, 3)
    assert table(con, "ratings") == [*RATINGS, (9, 10, 4.0, 1000000009)]
    assert [row[1:3] for row in table(con, "quarantine")] == [(2, "unknown movie"), (3, "unparsable")]
    assert ("ratings2.dat", 3, 2) in table(con, "files")
    (folder / "ratings2.dat").unlink()
    report = load(con, folder)
    assert report.files_removed == 1
    assert (table(con, "ratings"), table(con, "quarantine")) == (RATINGS, [])
    nine = "SELECT count(*) FROM {} WHERE user_id = 9"
    assert [con.execute(nine.format(t)).fetchone() for t in ("raw.ratings", "core.users")] == [(0,), (0,)]


def test_a_night_that_adds_a_file_leaves_the_other_ratings_where_they_are(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    folder = write(tmp_path / "f", frame("csv"))
    load(con, folder)
    tables = "SELECT table_name, table_oid FROM duckdb_tables() WHERE starts_with(table_name, 'ratings_')"
    before = con.execute(tables).fetchall()
    more = "userId,movieId,rating,timestamp\n1,10,0.5,1000000009\n1,10,1.5,1000000008\n3,30,2,1000000009\n"
    (folder / "ratings-2026-11-24.csv").write_text(more)
    report = load(con, folder)
    after = con.execute(tables).fetchall()
    assert set(before) <= set(after)
    assert len(after) == len(before) + 1
    assert (report.files_read, report.rows_read, report.superseded_ratings) == (1, 3, 2)
    assert table(con, "ratings") == [(1, 10, 0.5, 1000000009), *RATINGS[1:], (3, 30, 2.0, 1000000009)]
    assert con.execute("SELECT ratings FROM core.users ORDER BY user_id").fetchall() == [(2,), (1,), (1,)]
    (folder / "ratings-2026-11-24.csv").unlink()
    load(con, folder)
    assert con.execute(tables).fetchall() == before
    assert table(con, "ratings") == RATINGS


def test_the_lines_of_ratings_are_numbered_as_in_their_file(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    for bad in ("", "oops\n\n"):  # read as a whole, and line by line
        load(
            con, write(tmp_path / "f", frame("csv", ratings=f"{bad}2,999,4,1000000003\n2,20,4,1000000003\n"))
        )
        lines = con.execute("SELECT line, movie_id FROM raw.ratings ORDER BY line").fetchall()
        assert lines == [(2, 10), (3, 20), (4, 10), (5 + bad.count("\n"), 999), (6 + bad.count("\n"), 20)]
        unknown = [row for row in table(con, "quarantine") if row[2] == "unknown movie"]
        assert unknown == [("ratings.csv", 5 + bad.count("\n"), "unknown movie", "2,999,4,1000000003")]


def test_a_new_movie_frees_the_ratings_that_waited_for_it(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    files = frame("csv", ratings="1,40,4,1000000000\n")
    load(con, write(tmp_path / "f", files))
    assert [row[1:3] for row in table(con, "quarantine")] == [(5, "unknown movie")]
    folder = write(tmp_path / "f", frame("csv", ratings="1,40,4,1000000000\n", movies="40,New (2000),\n"))
    report = load(con, folder)
    assert (table(con, "quarantine"), report.files_read) == ([], 1)
    assert (1, 40, 4.0, 1000000000) in table(con, "ratings")
    assert ("ratings.csv", 4, 0) in table(con, "files")


def test_another_dataset_replaces_the_first(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    load(con, write(tmp_path / "one", frame("ml-1m", ratings="rubbish\n")))
    files: dict[str, Any] = frame("csv") | {
        "ratings.csv": "userId,movieId,rating,timestamp\n5,30,0.5,1000000000\n"
    }
    del files["users.csv"]
    load(con, write(tmp_path / "two", files))
    assert table(con, "ratings") == [(5, 30, 0.5, 1000000000)]
    assert (table(con, "users"), table(con, "quarantine")) == ([(5, None, None, None, 1)], [])
    assert con.execute("SELECT dataset, layout, scale_low FROM ops.dataset").fetchall() == [
        ("two", "csv", 0.5)
    ]


def test_too_many_bad_rows_leave_everything_as_it_was(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    load(con, write(tmp_path / "f", frame("ml-1m")))
    before = [con.execute(f"FROM {t} ORDER BY ALL").fetchall() for t in _tables()]
    folder = write(tmp_path / "f", frame("ml-1m", ratings="rubbish\n1::10::9::1000000000\n"))
    with pytest.raises(TooManyBadRows) as caught:
        load(con, folder, max_bad_share=0.19)
    assert (caught.value.bad, caught.value.total) == (2, 10)
    assert caught.value.reasons == {"rating outside the scale": 1, "unparsable": 1}
    assert "first: ratings.dat line 4: rubbish" in str(caught.value)
    assert [con.execute(f"FROM {t} ORDER BY ALL").fetchall() for t in _tables()] == before
    failed = con.execute("SELECT status, problem FROM ops.loads ORDER BY started_at DESC LIMIT 1").fetchone()
    assert failed == ("failed", str(caught.value))
    assert load(con, folder, max_bad_share=0.2).quarantined == 2


def test_an_empty_ratings_file_is_refused(tmp_path: Path) -> None:
    files = frame("csv") | {"ratings.csv": "userId,movieId,rating,timestamp\n"}
    with pytest.raises(BadSource, match="no usable rating"):
        load(warehouse_in_memory(), write(tmp_path / "f", files))


def test_a_file_written_to_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, build = write(tmp_path / "f", frame("csv")), core_tables.build

    def build_and_touch(*arguments: Any) -> Any:
        (folder / "ratings.csv").open("a").write("1,30,4,1000000000\n")
        return build(*arguments)

    con = warehouse_in_memory()
    monkeypatch.setattr(core_tables, "build", build_and_touch)
    with pytest.raises(BadSource, match=r"ratings\.csv: changed while it was read"):
        load(con, folder)
    monkeypatch.undo()
    assert table(con, "ratings") == []
    assert load(con, folder).ratings == 4


def test_an_unforeseen_error_is_recorded_and_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    con = warehouse_in_memory()
    with monkeypatch.context() as patch:
        patch.setattr("recengine.ingest._count", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            load(con, write(tmp_path / "f", frame("csv")))
    assert con.execute("SELECT status, problem FROM ops.loads").fetchall() == [
        ("failed", "ZeroDivisionError: division by zero")
    ]
    assert table(con, "ratings") == []
