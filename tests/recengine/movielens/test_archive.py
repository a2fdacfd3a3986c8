"""Zips from outside: what is good in them lands whole, what is bad is named and leaves nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from zips import GOOD, RATINGS, files, info, make_zip, zip_bytes

from recengine.errors import BadInput, BadSource
from recengine.movielens import archive
from recengine.movielens.archive import extract, unpacked


def refusal(zip_path: Path, **limits: float) -> str:
    """Sentence of the refusal, after making sure that it left nothing behind."""
    home = zip_path.parent / "home"
    home.mkdir()
    with pytest.raises(BadSource) as caught:
        extract(zip_path, home / "target", **limits)
    assert list(home.iterdir()) == []
    sentence = str(caught.value)
    assert sentence.startswith(str(zip_path))
    assert "\n" not in sentence
    return sentence


def test_single_top_folder_becomes_the_target(tmp_path):
    target = extract(make_zip(tmp_path, GOOD), tmp_path / "sources" / "ml-25m")

    assert target == tmp_path / "sources" / "ml-25m"
    assert files(target) == {name.removeprefix("ml-25m/"): content for name, content in GOOD.items()}
    assert [p.name for p in target.parent.iterdir()] == ["ml-25m"]


def test_files_without_a_common_folder_stay_where_they_are(tmp_path):
    members = {"ratings.csv": b"r", "docs/README.txt": b"d"}
    assert files(extract(make_zip(tmp_path, members), tmp_path / "t")) == members


def test_litter_of_desktops_is_left_out_and_is_no_second_top_folder(tmp_path):
    litter = {
        "__MACOSX/ml-25m/._movies.csv": b"m",
        "ml-25m/.DS_Store": b"d",
        "ml-25m/._ratings.csv": b"a",
        "Thumbs.db": b"t",
    }
    target = extract(make_zip(tmp_path, GOOD | litter), tmp_path / "t")
    assert set(files(target)) == {"ratings.csv", "movies.csv", "more/x.txt"}


def test_modes_are_plain_whatever_the_zip_and_the_umask_say(tmp_path):
    wild = [(info("top/a/ratings.csv", stat.S_IFREG | 0o6777), b"r"), (info("top/b.csv", stat.S_IFREG), b"b")]
    former = os.umask(0)
    try:
        target = extract(make_zip(tmp_path, wild), tmp_path / "t")
    finally:
        os.umask(former)
    modes = {
        p.relative_to(tmp_path).as_posix(): stat.S_IMODE(p.stat().st_mode)
        for p in (target, *target.rglob("*"))
    }
    assert modes == {"t": 0o755, "t/a": 0o755, "t/a/ratings.csv": 0o644, "t/b.csv": 0o644}


def test_an_empty_folder_may_be_the_target_but_not_a_used_one_or_a_file(tmp_path):
    zip_path = make_zip(tmp_path, GOOD)
    (tmp_path / "empty").mkdir()
    assert len(files(extract(zip_path, tmp_path / "empty"))) == 3
    with pytest.raises(BadInput, match="already exists"):
        extract(zip_path, tmp_path / "empty")
    with pytest.raises(BadInput, match="already exists"):
        extract(zip_path, zip_path)
    assert len(files(tmp_path / "empty")) == 3


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/etc/evil",
        "C:/evil",
        "a/c:evil",
        "..\\evil",
        "a\\b",
        "a/..",
        "a\x00b",
        "n" * 256,
        ".",
    ],
)
def test_unsafe_paths_are_refused_by_name(tmp_path, name):
    assert f"member {name!r} has an unsafe path" in refusal(make_zip(tmp_path, GOOD | {name: b"x"}))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_special_files_are_refused(tmp_path, kind):
    members = [(info("top/ratings.csv"), b"r"), (info("top/link", kind | 0o777), b"/etc/passwd")]
    assert "member 'top/link' is a link or special file" in refusal(make_zip(tmp_path, members))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["top/a.csv", "top/A.csv", "top/./a.csv", "top//a.csv"])
def test_two_members_of_one_name_are_refused(tmp_path, second):
    members = [(info("top/a.csv"), b"1"), (info(second), b"2")]
    assert f"members 'top/a.csv' and {second!r} have one name" in refusal(make_zip(tmp_path, members))


def test_a_file_that_is_also_a_folder_is_refused(tmp_path):
    sentence = refusal(make_zip(tmp_path, {"top/a": b"1", "top/a/b": b"2", "other": b"3"}))
    assert "member 'top/a' is both a file and a folder" in sentence


def test_encrypted_members_are_refused(tmp_path):
    content = bytearray(zip_bytes({"top/a.csv": b"secret"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    (tmp_path / "z.zip").write_bytes(content)
    assert "member 'top/a.csv' is encrypted; unpack it yourself" in refusal(tmp_path / "z.zip")


def test_other_compression_is_refused(tmp_path):
    members = [(info("top/a.csv", method=zipfile.ZIP_BZIP2), b"x")]
    assert "member 'top/a.csv' is compressed by method 12" in refusal(make_zip(tmp_path, members))


def test_absurd_member_counts_and_empty_zips_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 2)
    assert "has 3 members, more than 2" in refusal(make_zip(tmp_path, GOOD))
    shutil.rmtree(tmp_path / "home")
    assert "holds no files" in refusal(make_zip(tmp_path, {"__MACOSX/x": b"x", "top/": b""}))


def test_declared_size_and_ratio_are_limited(tmp_path):
    zip_path = make_zip(tmp_path, {"bomb.csv": b"0" * 1_000_000})
    assert "it unpacks to 1.0 MB, more than the 0.5 MB allowed" in refusal(
        zip_path, max_bytes=500_000, max_ratio=5000
    )
    shutil.rmtree(tmp_path / "home")
    assert "it unpacks to 1.0 MB, more than" in refusal(zip_path, max_ratio=100)
    assert files(extract(zip_path, tmp_path / "t", max_ratio=1000)) == {"bomb.csv": b"0" * 1_000_000}


def with_declared_size(content: bytes, size: int) -> bytes:
    changed = bytearray(content)
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", changed, changed.index(signature) + offset, size)
    return bytes(changed)


@pytest.mark.parametrize("declared", [10, 999_999, 1_000_001])
def test_a_lie_about_the_size_is_found(tmp_path, declared):
    zip_path = tmp_path / "z.zip"
    zip_path.write_bytes(with_declared_size(zip_bytes({"a.csv": b"0" * 1_000_000}), declared))
    assert "damaged" in (sentence := refusal(zip_path, max_ratio=5000)) or "not as long" in sentence


def test_bytes_are_counted_while_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_check_size", lambda *_: None)  # as if the header had deceived us
    zip_path = make_zip(tmp_path, {"a.csv": b"0" * 3_000_000, "b.csv": b"0" * 3_000_000})
    assert "member 'b.csv' passes the 5.0 MB allowed" in refusal(
        zip_path, max_bytes=5_000_000, max_ratio=5000
    )


def test_no_room_is_said_before_anything_is_written(tmp_path, monkeypatch):
    zip_path = make_zip(tmp_path, GOOD)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(BadInput, match="free some space or choose another --home"):
        extract(zip_path, tmp_path / "new" / "t")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("cut", [0, 1, 100, -1, -30])
def test_a_cut_zip_gets_one_sentence(tmp_path, cut):
    (tmp_path / "z.zip").write_bytes(zip_bytes(GOOD)[:cut])
    assert re.search(r"no zip, or a damaged one \(.+\); fetch it again\.$", refusal(tmp_path / "z.zip"))


def test_a_flipped_bit_in_the_data_is_found_by_the_crc(tmp_path):
    content = bytearray(zip_bytes([(info("a.csv", method=zipfile.ZIP_STORED), RATINGS)]))
    content[content.index(b"978300760")] ^= 1
    (tmp_path / "z.zip").write_bytes(content)
    assert "Bad CRC-32" in refusal(tmp_path / "z.zip")


def test_a_missing_zip_and_a_folder_get_one_sentence(tmp_path):
    with pytest.raises(BadSource, match="there is no such file; check the path"):
        unpacked(tmp_path / "none.zip", tmp_path / "cache")
    assert "cannot be read" in refusal(tmp_path)


def test_unpacked_works_once_per_content(tmp_path, monkeypatch):
    zip_path, cache = make_zip(tmp_path, GOOD, "mine.zip"), tmp_path / "cache"
    first = unpacked(zip_path, cache)
    assert re.fullmatch(r"mine-[0-9a-f]{12}", first.name)
    assert set(files(first)) == {"ratings.csv", "movies.csv", "more/x.txt"}

    monkeypatch.setattr(archive, "extract", lambda *_: pytest.fail("unpacked again"))
    os.utime(zip_path, (0, 0))  # the content counts, not the date
    assert unpacked(zip_path, cache) == first


def test_unpacked_replaces_older_content_of_its_own_name_only(tmp_path):
    cache = tmp_path / "cache"
    other = unpacked(make_zip(tmp_path, GOOD, "ml-latest-small.zip"), cache)
    old = unpacked(make_zip(tmp_path, GOOD, "ml-latest.zip"), cache)
    killed = cache / f".unpacking-{old.name}-abc_1234"
    killed.mkdir()
    notes = cache / "ml-latest-notes"
    notes.mkdir()

    new = unpacked(make_zip(tmp_path, GOOD | {"ml-25m/new.csv": b"n"}, "ml-latest.zip"), cache)

    assert {p for p in cache.iterdir() if p.is_dir()} == {other, new, notes}
    assert (new / "new.csv").read_bytes() == b"n"


def test_no_lock_of_any_zip_stays(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / ".tried-long-ago.lock").touch()
    for name in ("a.zip", "b.zip"):
        unpacked(make_zip(tmp_path, GOOD, name), cache)
    (tmp_path / "c.zip").write_bytes(b"no zip")
    with pytest.raises(BadSource):
        unpacked(tmp_path / "c.zip", cache)
    assert {path.name for path in cache.iterdir() if path.is_file()} <= {".lock"}


def test_a_bad_new_zip_leaves_the_older_extraction(tmp_path):
    old = unpacked(make_zip(tmp_path, GOOD, "mine.zip"), tmp_path / "cache")
    (tmp_path / "mine.zip").write_bytes(b"no zip")
    with pytest.raises(BadSource, match="no zip"):
        unpacked(tmp_path / "mine.zip", tmp_path / "cache")
    assert set(files(old)) == {"ratings.csv", "movies.csv", "more/x.txt"}
