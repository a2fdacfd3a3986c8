"""Whatever the files say, every line ends up in exactly one place, and the source is the truth."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_frames import FRAMES, frame, fuzzing, load, name_of, table, warehouse_in_memory, write

from recengine.errors import BadSource

DELIMITER = {"ml-100k": "\t", "ml-1m": "::", "ml-10m": "::", "csv": ","}
HEADER = "userId,movieId,rating,timestamp"
Rating = tuple[int, int, float, int]


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    """One warehouse for all examples, so that each load also has to clear away the one before."""
    return warehouse_in_memory()


@dataclass(frozen=True)
class Line:
    """A line of a ratings file, and what should become of it: a rating, a reason, or nothing if blank."""

    text: str
    rating: Rating | None = None
    reason: str | None = None


def lines(layout: str) -> st.SearchStrategy[Line]:
    delimiter = DELIMITER[layout]
    half = layout in ("ml-10m", "csv")
    stars = st.integers(1, 10).map(lambda n: n / 2) if half else st.integers(1, 5)
    good = st.tuples(st.integers(0, 4), st.sampled_from([10, 20, 30]), stars, st.integers(10**9, 10**9 + 3))
    junk = st.text(
        st.characters(exclude_characters="\n\r\x1e0123456789", codec="utf-8"), min_size=1, max_size=9
    )

    def whole(fields: tuple[object, ...]) -> str:
        return delimiter.join(map(str, fields))

    def broken(rating: Rating, at: int, what: tuple[str, str]) -> Line:
        fields: list[object] = list(rating)
        fields[at] = what[0]
        return Line(whole(tuple(fields)), reason=what[1])

    def junk_line(text: str) -> Line:
        reason = "unclosed quote" if layout == "csv" and text.count('"') % 2 else "unparsable"
        return Line(text) if not text.strip(" \t") else Line(text, reason=reason)

    def bad(at: int, *values: tuple[str, str]) -> st.SearchStrategy[Line]:
        return st.builds(broken, good, st.just(at), st.sampled_from(values))

    return st.one_of(
        good.map(lambda rating: Line(whole(rating), (*rating[:2], float(rating[2]), rating[3]))),
        bad(
            0,
            ("", "missing id"),
            ("9" * 20, "id beyond 64 bits"),
            ("0.5", "unparsable id"),
            ("1_0", "unparsable"),
            ("a", "unparsable"),
        ),
        bad(1, ("", "missing id"), ("11", "unknown movie"), ("inf", "unparsable id")),
        bad(
            2,
            ("", "missing rating"),
            ("6", "rating outside the scale"),
            ("1.7", "rating not on the star grid"),
        ),
        bad(3, ("", "missing timestamp"), ("7", "absurd timestamp"), ("9" * 12, "timestamp in the future")),
        junk.map(junk_line),
        st.sampled_from(["", " ", "\t"]).map(Line),
    )


def content(layout: str, file: list[tuple[Line, str]], last_end: bool) -> str:
    text = "".join(line.text + end for line, end in file)
    head = HEADER + "\n" if layout == "csv" else ""
    return head + (text if last_end or not file else text.removesuffix(file[-1][1]))


def named(layout: str, files: list[str]) -> dict[str, str | bytes]:
    stem, ending = name_of(layout, "ratings").split(".")
    return {f"{stem}{i or ''}.{ending}": text for i, text in enumerate(files)}


def expected(
    layout: str, files: list[list[Line]]
) -> tuple[list[Rating], Counter[tuple[object, ...]], int, int]:
    """Core ratings, quarantine as (file, line, reason, raw), exact repeats, superseded ratings."""
    names, bad = list(named(layout, [""] * len(files))), Counter[tuple[object, ...]]()
    newest: dict[tuple[int, int], tuple[int, int, float]] = {}
    all_ratings = []
    for position, file in enumerate(files):
        for number, line in enumerate(file, 1 + (layout == "csv")):
            if line.reason:
                bad[names[position], number, line.reason, line.text] += 1
            if line.rating:
                user, movie, stars, at = line.rating
                all_ratings.append(line.rating)
                newest[user, movie] = max(newest.get((user, movie), (0, 0, 0.0)), (at, position, stars))
    core = sorted((user, movie, stars, at) for (user, movie), (at, _, stars) in newest.items())
    repeats = len(all_ratings) - len(set(all_ratings))
    return core, bad, repeats, len(all_ratings) - repeats - len(core)


@pytest.mark.parametrize("layout", sorted(FRAMES))
@fuzzing
@given(data=st.data())
def test_every_line_is_in_core_counted_or_quarantined(
    layout: str, data: st.DataObject, con: duckdb.DuckDBPyConnection
) -> None:
    # Not "\r" beside "\n": around an empty line the two would be one line end.
    ends = data.draw(st.sampled_from([["\n"], ["\r\n"], ["\n", "\r\n"], ["\r", "\r\n"]]))
    one_file = st.lists(st.tuples(lines(layout), st.sampled_from(ends)), max_size=12)
    drawn = data.draw(st.lists(one_file, min_size=1, max_size=3))
    drawn[0].append((Line(DELIMITER[layout].join(["9", "10", "4", "1000000000"]), (9, 10, 4.0, 10**9)), "\n"))
    texts = [content(layout, file, data.draw(st.booleans())) for file in drawn]
    core, bad, repeats, superseded = expected(layout, [[line for line, _ in file] for file in drawn])
    with tempfile.TemporaryDirectory() as folder:
        report = load(con, write(Path(folder), frame(layout) | named(layout, texts)))
        assert table(con, "ratings") == core
        assert Counter(table(con, "quarantine")) == bad
        assert (report.repeated_ratings, report.superseded_ratings) == (repeats, superseded)
        rows = sum(len([1 for line, _ in file if line.text.strip(" \t")]) for file in drawn)
        assert sum(r for name, r, _ in table(con, "files") if name in named(layout, texts)) == rows
        assert sum(b for _, _, b in table(con, "files")) == bad.total() == report.quarantined
        assert rows == len(core) + repeats + superseded + bad.total()
        assert load(con, Path(folder)).status == "unchanged"
        assert (table(con, "ratings"), Counter(table(con, "quarantine"))) == (core, bad)


@pytest.mark.parametrize("layout", sorted(FRAMES))
@settings(fuzzing, max_examples=3)
@given(data=st.data())
def test_neither_the_way_here_nor_a_file_that_left_can_be_seen(
    layout: str, data: st.DataObject, con: duckdb.DuckDBPyConnection
) -> None:
    ends = [("\n",)] * 12
    drawn = data.draw(st.lists(st.lists(lines(layout), max_size=6), min_size=2, max_size=3))
    drawn[0].append(Line(DELIMITER[layout].join(["9", "10", "4", "1000000000"]), (9, 10, 4.0, 10**9)))
    texts = [
        content(layout, [(line, end) for line, (end,) in zip(f, ends, strict=False)], True) for f in drawn
    ]
    files = named(layout, texts)
    first, *_, last = files
    with tempfile.TemporaryDirectory() as folder:
        load(con, write(Path(folder), frame(layout) | files))  # all at once
        at_once = [table(con, what) for what in ("ratings", "users", "quarantine", "files")]
        load(con, write(Path(folder), frame(layout) | {first: texts[0]}))  # the others left
        alone = [table(con, what) for what in ("ratings", "users", "quarantine", "files")]
        core, bad, *_ = expected(layout, [drawn[0]])
        assert (alone[0], Counter(alone[2])) == (core, bad)
        load(con, write(Path(folder), frame(layout) | {first: texts[0], last: texts[-1]}))
        load(con, write(Path(folder), frame(layout) | files))  # one after the other
        assert [table(con, what) for what in ("ratings", "users", "quarantine", "files")] == at_once


@pytest.mark.parametrize("layout", sorted(FRAMES))
@pytest.mark.parametrize("role", ["movies", "ratings"])
@settings(fuzzing, max_examples=4)
@given(data=st.data())
def test_no_bytes_make_a_line_vanish(
    layout: str, role: str, data: st.DataObject, con: duckdb.DuckDBPyConnection
) -> None:
    pieces = [b"\n", b"\r", b'"', b"::", b":", b",", b"|", b"\t", b" ", b"1", b"5", b"\x00", b"\xe9", b"\x85",
              b"\xc3\xa9", b"\xff", b"1::10::4::1000000003\n", b"1,10,4,1000000003\n", b'40,"A, B",Drama\n',
              b"40::A::Drama\n"]  # fmt: skip
    blob = b"".join(data.draw(st.lists(st.sampled_from(pieces), max_size=20)))
    files = frame(layout, **{role: blob})
    with tempfile.TemporaryDirectory() as folder:
        try:
            load(con, write(Path(folder), files))
        except BadSource:
            pytest.fail("a file of text lines must not stop a load")
    name, header = name_of(layout, role), int(layout == "csv")
    written = files[name]
    assert isinstance(written, bytes)
    text = written.decode("utf-8", "recengine-latin-1").replace("\r\n", "\n").replace("\r", "\n")
    numbered = {i: line for i, line in enumerate(text.split("\n"), 1) if i > header and line.strip(" \t")}
    used = {row[0] for row in con.execute(f"SELECT line FROM raw.{role} JOIN ops.files USING (file_id) "
                                          "WHERE name = ?", [name]).fetchall()}  # fmt: skip
    bad = {row[1]: row[3] for row in table(con, "quarantine") if row[0] == name}
    crossed = {row[1] for row in table(con, "quarantine") if row[2] in ("unknown movie", "duplicate movie")}
    assert used | bad.keys() == numbered.keys()
    assert used & bad.keys() <= crossed
    assert bad.items() <= numbered.items()
