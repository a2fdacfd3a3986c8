"""Downloads from a real HTTP server on this machine, some of them killed: all of a release, or nothing."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from http_shelf import CONTENT, NAME, ZIP, Handler, Shelf, beside, failure, files, part_of

from recengine.errors import BadInput, DownloadFailed
from recengine.movielens import archive, fetch
from recengine.movielens import download as download_module
from recengine.movielens.download import download
from recengine.movielens.layouts import recognise
from recengine.movielens.releases import GROUPLENS_URL, RELEASES, release, server_url


def test_a_download_arrives_whole_with_progress_and_nothing_beside_it(shelf, target):
    seen: list[tuple[int, int | None]] = []
    assert download(NAME, target, base_url=shelf.url, on_progress=lambda *at: seen.append(at)) == target

    assert files(target) == CONTENT
    assert beside(target) == {NAME}
    assert seen[0] == (0, len(ZIP))
    assert seen[-1] == (len(ZIP), len(ZIP))
    assert seen == sorted(seen)
    assert recognise(target).layout.name == release(NAME).layout


def test_what_is_there_is_not_fetched_again(shelf, target):
    download(NAME, target, base_url=shelf.url)
    shelf.answers.clear()
    part_of(target).write_bytes(b"left by a call that was killed at its very end")
    assert download(NAME, target, base_url=shelf.url) == target
    assert shelf.answers == []
    assert beside(target) == {NAME}


def test_the_address_may_come_from_the_environment(shelf, target, monkeypatch):
    monkeypatch.setenv("RECENGINE_DOWNLOAD_URL", shelf.url + "/")
    assert files(download(NAME, target)) == CONTENT


def test_offline_says_what_to_do_instead(shelf, target, monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as unused:
        port = unused.server_port
    with pytest.raises(DownloadFailed) as refused:
        download("ml-25m", target, base_url=f"http://127.0.0.1:{port}")
    monkeypatch.setattr(fetch, "ATTEMPTS", 1)
    with pytest.raises(DownloadFailed) as unresolved:
        download("ml-25m", target, base_url="http://no-such-host.invalid")

    instead = (
        "download ml-25m.zip on a connected machine and run with --source PATH/ml-25m.zip, "
        "or use --dataset demo."
    )
    assert re.fullmatch(
        rf"Cannot reach 127\.0\.0\.1 \(.*refused.*\); {re.escape(instead)}", str(refused.value)
    )
    assert re.fullmatch(
        rf"Cannot reach no-such-host\.invalid \(.+\); {re.escape(instead)}", str(unresolved.value)
    )
    assert beside(target) == set()


def test_a_wrong_checksum_names_both_and_the_next_call_starts_clean(shelf, target):
    good, shelf.md5 = shelf.md5, f"{'0' * 32}  {NAME}.zip"
    sentence = failure(shelf, target)
    assert (
        f"has MD5 {hashlib.md5(ZIP).hexdigest()}, but {shelf.url}/{NAME}.zip.md5 says {'0' * 32}" in sentence
    )
    assert beside(target) == set()

    shelf.md5 = good
    download(NAME, target, base_url=shelf.url)
    assert [a.asked for a in shelf.of_the_zip()] == [None, None]
    assert files(target) == CONTENT


def test_without_a_published_checksum_the_log_says_so(shelf, target, caplog):
    shelf.md5 = None
    with caplog.at_level(logging.INFO):
        download(NAME, target, base_url=shelf.url)
    assert (
        f"no checksum is published for {shelf.url}/{NAME}.zip: only its size, {len(ZIP)} bytes" in caplog.text
    )
    assert f"fetched {shelf.url}/{NAME}.zip: 2.0 MB in " in caplog.text
    assert files(target) == CONTENT


@pytest.mark.parametrize("damaged", [ZIP[:-40], ZIP[:1000] + b"!" + ZIP[1001:], b"not a zip at all"])
def test_without_a_checksum_a_damaged_zip_is_found_by_its_own(shelf, target, damaged):
    shelf.zip, shelf.md5 = damaged, None
    assert re.search(r"cannot be unpacked \(.+\); it was removed, run again", failure(shelf, target))
    assert beside(target) == set()


def test_no_room_keeps_what_was_fetched(shelf, target, monkeypatch):
    usage = archive.shutil.disk_usage(target.anchor)
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(BadInput, match="free some space or choose another --home"):
        download(NAME, target, base_url=shelf.url)
    assert part_of(target).stat().st_size == len(ZIP)


def test_a_place_that_cannot_be_written_gets_one_sentence(shelf, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        DownloadFailed, match=r"^Cannot write .*file.* \(.+\); free some space or choose another"
    ):
        download(NAME, tmp_path / "file" / "sources" / NAME, base_url=shelf.url)


def test_a_file_in_the_place_of_the_folder_is_said_before_anything_is_fetched(shelf, tmp_path):
    (tmp_path / NAME).write_text("mine")
    with pytest.raises(BadInput, match="is a file where the folder of a release should be"):
        download(NAME, tmp_path / NAME, base_url=shelf.url)
    assert shelf.answers == []


def test_two_downloads_at_once_fetch_once(shelf, target):
    shelf.hang_after = 300_000
    results: list[Path] = []
    both = [
        threading.Thread(target=lambda: results.append(download(NAME, target, base_url=shelf.url)))
        for _ in range(2)
    ]
    for thread in both:
        thread.start()
    wait_for(lambda: shelf.of_the_zip() != [] and shelf.of_the_zip()[0].sent == 300_000)
    shelf.released.set()
    for thread in both:
        thread.join(20)
    assert results == [target, target]
    assert sum(a.sent for a in shelf.of_the_zip()) == len(ZIP)
    assert files(target) == CONTENT


def test_waiting_for_another_download_ends(shelf, target, monkeypatch):
    monkeypatch.setattr(download_module, "LOCK_WAIT_SECONDS", 0.1)
    with download_module._alone(target):
        assert "wait for it to finish or stop it, then run again." in failure(shelf, target)
    assert shelf.answers == []


def wait_for(condition, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def start_child(shelf: Shelf, target: Path, before: str = "") -> subprocess.Popen[bytes]:
    script = (
        "import os, signal, sys, pathlib\n"
        "from recengine.movielens import archive, download\n"
        "def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)\n"
        f"{before}\n"
        f"download.download({NAME!r}, pathlib.Path(sys.argv[1]), base_url=sys.argv[2])\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, str(target), shelf.url], cwd=Path(archive.__file__).parents[2]
    )


def test_a_download_killed_midway_goes_on_where_it_was(shelf, target):
    shelf.hang_after = 1_234_567
    child = start_child(shelf, target)
    wait_for(lambda: part_of(target).exists() and part_of(target).stat().st_size == 1_234_567)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait(10) == -signal.SIGKILL
    assert not target.exists()

    download(NAME, target, base_url=shelf.url)

    assert [(a.asked, a.status, a.sent) for a in shelf.of_the_zip()] == [
        (None, 200, 1_234_567),
        ("bytes=1234567-", 206, len(ZIP) - 1_234_567),
    ]
    assert files(target) == CONTENT
    assert beside(target) == {NAME}


@pytest.mark.parametrize(
    ("moment", "complete"),
    [("os.fsync = die", False), ("os.replace = die", False), ("download.discard = die", True)],
    ids=["while unpacking", "before the rename", "after the rename"],
)
def test_a_kill_while_unpacking_leaves_all_or_nothing(shelf, target, moment, complete):
    child = start_child(shelf, target, before=moment)
    assert child.wait(20) == -signal.SIGKILL
    assert target.exists() == complete
    assert not complete or files(target) == CONTENT

    download(NAME, target, base_url=shelf.url)

    assert files(target) == CONTENT
    assert beside(target) == {NAME}
    assert sum(a.sent for a in shelf.of_the_zip()) == len(ZIP)


def test_names_and_addresses(monkeypatch, tmp_path):
    monkeypatch.delenv("RECENGINE_DOWNLOAD_URL", raising=False)
    assert release("ml-10m").url() == "https://files.grouplens.org/datasets/movielens/ml-10m.zip"
    assert release("ml-10m").folder == "ml-10M100K"
    assert release("ml-25m").md5_url("http://mirror/") == "http://mirror/ml-25m.zip.md5"
    assert server_url() == GROUPLENS_URL
    assert set(RELEASES) == {
        "ml-100k", "ml-1m", "ml-10m", "ml-20m", "ml-25m", "ml-32m", "ml-latest-small", "ml-latest"
    }  # fmt: skip
    with pytest.raises(
        BadInput, match=r"'ml-2m' is no MovieLens release; did you mean .* Choose one of ml-100k"
    ):
        download("ml-2m", tmp_path / "x")
    monkeypatch.setenv("RECENGINE_DOWNLOAD_URL", "ftp://mirror")
    with pytest.raises(BadInput, match="'ftp://mirror' is no download address; set RECENGINE_DOWNLOAD_URL"):
        download("ml-1m", tmp_path / "x")
