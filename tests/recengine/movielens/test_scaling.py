"""A load reads ratings by the scale that is declared or that all of them have, and says by which and why."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from ingest_frames import MOVIES, frame, load, table, warehouse_in_memory, write

from recengine import features
from recengine.config import Home
from recengine.errors import BadSource, TooManyBadRows
from recengine.evaluation.runner import EvaluateConfig, read_split
from recengine.knobs.stages import IngestConfig
from recengine.movielens import scaling

Files = dict[str, str | bytes]
OFF = "rating outside the scale"


def ratings_of(stars: Callable[[int], float], rows: int = 60, separator: str = "::") -> str:
    """Each user rates two movies."""
    return "".join(
        separator.join(map(str, (i // 2 + 1, 10 + i % 2 * 10, f"{stars(i):g}", 1000000000 + i))) + "\n"
        for i in range(rows)
    )


def ml_1m(stars: Callable[[int], float], rows: int = 60) -> Files:
    return frame("ml-1m") | {"ratings.dat": ratings_of(stars, rows)}


def in_csv(stars: Callable[[int], float], rows: int = 60) -> Files:
    return frame("csv") | {"ratings.csv": "userId,movieId,rating,timestamp\n" + ratings_of(stars, rows, ",")}


def scale_of(con: duckdb.DuckDBPyConnection) -> tuple[object, ...]:
    return con.execute("SELECT scale_low, scale_high, scale_step FROM ops.dataset").fetchall()[0]


@pytest.mark.parametrize(
    ("stars", "expected"),
    [
        (lambda i: i % 11, (0, 10, 1)),
        (lambda i: i % 10 / 2 + 0.5, (0.5, 5, 0.5)),
        (lambda i: i * 37 % 101, (0, 100, 1)),
        (lambda i: i % 2, (0, 1, 1)),
        (lambda i: i % 2 * 2 - 1, (-1, 1, 2)),
        (lambda i: i % 5 + 1, (1, 5, 1)),
    ],
)
def test_the_ratings_decide_and_none_is_lost(
    stars: Callable[[int], float], expected: tuple[float, ...], tmp_path: Path
) -> None:
    con = warehouse_in_memory()
    report = load(con, write(tmp_path / "f", ml_1m(stars)), max_bad_share=0.0)
    assert (report.ratings, report.quarantined) == (60, 0)
    assert scale_of(con) == expected
    assert [row[2] for row in table(con, "ratings")] == [stars(i) for i in range(60)]


def test_the_load_says_what_it_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    con = warehouse_in_memory()
    with caplog.at_level(logging.INFO, "recengine"):
        report = load(con, write(tmp_path / "f", ml_1m(lambda i: i % 11)))
    sentence = "scale 0-10 in steps of 1: 60 ratings, all whole, from 0 to 10"
    assert (report.scale, report.scale_evidence) == ("0-10/1", sentence)
    assert f"ingest: {sentence}" in caplog.messages
    assert con.execute("SELECT scale, declared, evidence FROM ops.scale").fetchall() == [
        ("0-10/1", False, sentence)
    ]
    again = load(con, tmp_path / "f")
    assert (again.status, again.scale_evidence) == ("unchanged", sentence)


def test_typing_errors_are_quarantined_with_their_lines(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    files = ml_1m(lambda i: 55 if i == 100 else 3.5 if i == 200 else i % 5 + 1, 400)
    report = load(con, write(tmp_path / "f", files))
    assert scale_of(con) == (1, 5, 1)
    assert report.quarantined_by_reason == {OFF: 1, "rating not on the star grid": 1}
    assert [(line, reason, raw) for _, line, reason, raw in table(con, "quarantine")] == [
        (101, OFF, "51::10::55::1000000100"),
        (201, "rating not on the star grid", "101::10::3.5::1000000200"),
    ]


def test_a_rating_off_the_scale_replaces_no_other(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    files = ml_1m(lambda i: i % 5 + 1, 400)
    files["ratings.dat"] = str(files["ratings.dat"]) + "1::10::55::1100000000\n"
    load(con, write(tmp_path / "f", files))
    assert table(con, "ratings")[0] == (1, 10, 1.0, 1000000000)


@pytest.mark.parametrize("how", ["option", "dataset.toml"])
def test_a_declared_scale_is_taken_and_judges_unchanged_files_anew(how: str, tmp_path: Path) -> None:
    con, files = warehouse_in_memory(), ml_1m(lambda i: i % 10 + 1)
    load(con, write(tmp_path / "f", files))
    assert scale_of(con) == (1, 10, 1)
    option = {"scale": "1-9/1"} if how == "option" else {}
    if how == "dataset.toml":
        files["dataset.toml"] = 'scale = "1-9/1"\n'
    report = load(con, write(tmp_path / "f", files), **option)
    assert (report.status, report.quarantined_by_reason, report.ratings) == ("loaded", {OFF: 6}, 54)
    assert report.files_read > 0
    assert report.scale_evidence.startswith("scale 1-9 in steps of 1, as declared: 54 of 60 ratings")
    assert report.scale_evidence.endswith("by the load before it was 1-10/1")
    report = load(con, write(tmp_path / "f", ml_1m(lambda i: i % 10 + 1)))
    assert (report.ratings, report.quarantined, table(con, "quarantine")) == (60, 0, [])


def test_the_option_wins_over_the_file(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    files = ml_1m(lambda i: i % 10 + 1) | {"dataset.toml": 'scale = "1-9/1"\n'}
    assert load(con, write(tmp_path / "f", files), scale="0-10/1").scale == "0-10/1"


def test_another_file_can_change_the_scale_of_files_that_did_not(tmp_path: Path) -> None:
    con, files = warehouse_in_memory(), in_csv(lambda i: 7 if i % 20 == 0 else i % 5 + 1)
    assert load(con, write(tmp_path / "f", files)).quarantined_by_reason == {OFF: 3}
    more = "userId,movieId,rating,timestamp\n" + "".join(
        f"{u},10,{u % 10 + 1},1000000000\n" for u in range(100, 300)
    )
    report = load(con, write(tmp_path / "f", files | {"ratings-2.csv": more}))
    assert (report.scale, report.files_read, report.quarantined) == ("1-10/1", 1, 0)
    report = load(con, write(tmp_path / "f", files))
    assert (report.scale, report.quarantined_by_reason) == ("0.5-5/0.5", {OFF: 3})
    assert len(table(con, "quarantine")) == 3


def test_too_many_off_the_scale_says_by_which_they_were_read(tmp_path: Path) -> None:
    with pytest.raises(TooManyBadRows, match=r"read by scale 1-9 in steps of 1, as declared.*--scale"):
        load(
            warehouse_in_memory(),
            write(tmp_path / "f", ml_1m(lambda i: i % 10 + 1)),
            scale="1-9/1",
            max_bad_share=0.01,
        )


def test_a_scale_that_is_none_is_refused_by_its_file(tmp_path: Path) -> None:
    files = ml_1m(lambda i: 3) | {"dataset.toml": 'scale = "five stars"\n'}
    with pytest.raises(BadSource, match=r"dataset\.toml: scale: 'five stars' is no scale; write it as"):
        load(warehouse_in_memory(), write(tmp_path / "f", files))
    with pytest.raises(ValueError, match="must go up"):
        IngestConfig(scale="5-1/1")


@pytest.mark.parametrize("how", ["no column", "declared", "empty column"])
def test_data_without_ratings_says_who_took_what(how: str, tmp_path: Path) -> None:
    con, files = warehouse_in_memory(), frame("csv")
    rows = [(u, 10 + u % 2 * 10, 1000000000 + u) for u in range(1, 9)]
    if how == "no column":
        text = "userId,movieId,timestamp\n" + "".join(f"{u},{m},{t}\n" for u, m, t in rows)
    else:
        rating = "" if how == "empty column" else "17"
        text = "userId,movieId,rating,timestamp\n" + "".join(f"{u},{m},{rating},{t}\n" for u, m, t in rows)
        files["dataset.toml"] = 'scale = "implicit"\n'
    report = load(con, write(tmp_path / "f", files | {"ratings.csv": text}), max_bad_share=0.0)
    assert (report.scale, report.ratings) == ("implicit", 8)
    assert scale_of(con) == (None, None, None)
    assert {row[2] for row in table(con, "ratings")} == {1.0}
    built = features.snapshot(con)
    assert built.implicit
    assert built.genre_counts.sum() == 4 + 2 * 4  # every movie taken counts: Comedy; Action and Drama


def test_liked_is_the_upper_half_of_the_scale_unless_declared(tmp_path: Path) -> None:
    con, files = warehouse_in_memory(), ml_1m(lambda i: i % 11)
    load(con, write(tmp_path / "f", files))
    assert features.snapshot(con).liked_from == 5
    load(con, write(tmp_path / "f", files | {"dataset.toml": "liked_from = 8\n"}))
    built = features.snapshot(con)
    assert built.liked_from == 8
    genres = {title: len(genres) for _, title, _, genres in MOVIES}
    liked = [i for i in range(60) if i % 11 >= 8]
    per_movie = (genres["Toys (1995)"], genres["Café, The (1999)"])
    assert built.genre_counts.sum() == sum(per_movie[i % 2] for i in liked)
    everything = built.where(built.ratings.data >= -1)
    assert (everything.genre_counts != built.genre_counts).nnz == 0


def test_a_test_file_of_another_scale_is_judged_by_it(tmp_path: Path) -> None:
    """Also: what is off the scale there takes no rating out of the training part."""
    folder = write(tmp_path / "f", ml_1m(lambda i: i % 11, 400))
    held_out = "7::30::9::1000000500\n8::30::0::1000000501\n1::10::99::1000000502\n"
    (folder / "held-out").write_text(held_out)
    asked = EvaluateConfig(
        source=folder, protocol="files", train=folder / "ratings.dat", test=folder / "held-out"
    )
    split = read_split(Home.at(tmp_path / "home"), asked)
    assert split.test.rating.tolist() == [9, 0]
    assert split.train.ratings.nnz == 400
    split = read_split(Home.at(tmp_path / "home"), asked.model_copy(update={"scale": "0-10/1"}))
    assert split.train.scale == (0, 10)


def test_ratings_of_any_number_are_found_without_a_row_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaling, "MOST_VALUES", 100)
    con = warehouse_in_memory()
    files = ml_1m(
        lambda i: 99 if i == 7 else 1e9 if i == 8 else round(((i * 0.6180339887) % 1) * 19.8 - 9.9, 5), 6000
    )
    report = load(con, write(tmp_path / "f", files))
    assert (report.scale, report.quarantined_by_reason) == ("-10-10", {OFF: 2})
    assert len(scaling._values(con)[1]) < 3600
    assert {line for _, line, *_ in table(con, "quarantine")} == {8, 9}
