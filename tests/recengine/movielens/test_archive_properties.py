"""Whatever a zip's names and bytes are, nothing lands outside the target and nothing else is raised."""

from __future__ import annotations

import posixpath
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from zips import RATINGS, files, info, make_zip, zip_bytes

from recengine.errors import BadSource
from recengine.movielens.archive import extract

parts = st.sampled_from(["..", ".", "", "a", "b", "C:", "~", "é", "...", "a b", "\x00", "\\", "con", "..a"])
names = st.builds(
    lambda p, s, end: s.join(p) + end,
    st.lists(parts, min_size=1, max_size=5),
    st.sampled_from("/\\"),
    st.sampled_from(["", "/"]),
)


@settings(max_examples=150, deadline=None)
@given(names=st.lists(names, min_size=1, max_size=3, unique=True))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_nothing_lands_outside_whatever_the_names(names):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        zip_path = make_zip(root, [(info("zz/marker"), b"m"), *((info(name), b"evil") for name in names)])
        target = root / "deep" / "er" / "target"
        bad = [
            n
            for n in names
            if n.startswith("/") or "\\" in n or "\x00" in n or ".." in n.split("/") or "C:" in n
        ]
        try:
            extract(zip_path, target)
        except BadSource:
            assert set(files(root)) == {"z.zip"}
            return
        assert not bad
        landed = files(root)
        assert all(name == "z.zip" or name.startswith("deep/er/target/") for name in landed)
        expected = {posixpath.normpath(name) for name in names if not name.endswith("/")} | {"zz/marker"}
        assert {name.removeprefix("deep/er/target/") for name in landed} - {"z.zip"} in (
            expected,
            {name.removeprefix("zz/") for name in expected},
        )


@settings(max_examples=100, deadline=None)
@example(flips=[(-4, 128)])  # an offset that the zip module seeks to, and the operating system refuses
@given(flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=4))
def test_any_damage_is_refused_or_harmless(flips):
    content = bytearray(zip_bytes({"top/ratings.csv": RATINGS[:60], "top/movies.csv": b"movieId,title\n"}))
    for position, change in flips:
        content[position % len(content)] ^= change
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "z.zip").write_bytes(content)
        try:
            extract(root / "z.zip", root / "deep" / "target")
        except BadSource:
            assert set(files(root)) == {"z.zip"}
        else:
            assert set(files(root / "deep" / "target").values()) <= {RATINGS[:60], b"movieId,title\n"}
