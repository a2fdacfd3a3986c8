"""Downloads from a real HTTP server on this machine that misbehaves on demand, and one that is killed."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest

from recengine.errors import BadInput, DownloadFailed
from recengine.movielens import archive, fetch
from recengine.movielens import download as download_module
from recengine.movielens.download import download
from recengine.movielens.layouts import recognise
from recengine.movielens.releases import GROUPLENS_URL, RELEASES, release, server_url

NAME = "ml-latest-small"
NOISE = np.random.default_rng(0).bytes(2_000_000)  # does not compress: the zip is 2 MB
CONTENT = {"ratings.csv": NOISE, "movies.csv": b"movieId,title,genres\n"}


def zipped(content: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in content.items():
            out.writestr(f"{NAME}/{name}", data)
    return stream.getvalue()


ZIP = zipped(CONTENT)
NEWER = zipped(CONTENT | {"movies.csv": b"movieId,title,genres\n1,Toy Story,Animation\n"})


@dataclass
class Answer:
    """What the server did for one request."""

    path: str
    asked: str | None
    status: int
    sent: int = 0


@dataclass
class Shelf:
    """The server's files, its faults and its diary; faults in lists are used up one per request."""

    zip: bytes = ZIP
    md5: str | None = None  # text of the checksum file; None: 404
    etag: bool = True
    dated: bool = True
    ranges: bool = True
    if_range: bool = True
    content_type: str = "application/zip"
    statuses: list[int] = field(default_factory=list)
    drops: list[int] = field(default_factory=list)
    hang_after: int | None = None
    released: threading.Event = field(default_factory=threading.Event)
    answers: list[Answer] = field(default_factory=list)
    url: str = ""

    def of_the_zip(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.path.endswith(".zip")]

    def versions(self) -> dict[str, str]:
        digest = hashlib.md5(self.zip).hexdigest()
        date = f"Sat, 01 Jan 2022 00:00:{int(digest, 16) % 60:02d} GMT"
        return ({"ETag": f'"{digest}"'} if self.etag else {}) | (
            {"Last-Modified": date} if self.dated else {}
        )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    shelf: Shelf

    def log_message(self, *_: object) -> None:
        """The diary is `Shelf.answers`."""

    def do_GET(self) -> None:
        if self.path == f"/movielens/{NAME}.zip":
            self.send_zip()
        elif self.path == f"/movielens/{NAME}.zip.md5" and self.shelf.md5 is not None:
            self.start(200, {}, len(self.shelf.md5))
            self.wfile.write(self.shelf.md5.encode())
        else:
            self.start(404, {}, 0)

    def start(self, status: int, headers: dict[str, str], length: int) -> Answer:
        answer = Answer(self.path, self.headers["Range"], status)
        self.shelf.answers.append(answer)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()
        return answer

    def send_zip(self) -> None:
        shelf, whole = self.shelf, len(self.shelf.zip)
        if shelf.statuses and (status := shelf.statuses.pop(0)) != 200:
            self.start(status, {}, 0)
            return
        headers = shelf.versions() | {"Content-Type": shelf.content_type}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        same = not shelf.if_range or self.headers["If-Range"] in shelf.versions().values()
        begin = int(asked[1]) if asked and shelf.ranges and same else 0
        if begin >= whole:
            self.start(416, headers | {"Content-Range": f"bytes */{whole}"}, 0)
            return
        partial = {"Content-Range": f"bytes {begin}-{whole - 1}/{whole}"} if begin else {}
        answer = self.start(206 if begin else 200, headers | partial, whole - begin)
        self.send_body(answer, shelf.zip[begin:])

    def send_body(self, answer: Answer, body: bytes) -> None:
        stop = self.shelf.drops.pop(0) if self.shelf.drops else len(body)
        if self.shelf.hang_after is not None:
            stop, self.shelf.hang_after = self.shelf.hang_after, None
            self.write(answer, body[:stop])
            self.shelf.released.wait(20)
            self.close_connection = True
            return
        self.write(answer, body[:stop])
        self.close_connection = stop < len(body)

    def write(self, answer: Answer, body: bytes) -> None:
        self.wfile.write(body)
        self.wfile.flush()
        answer.sent += len(body)


@pytest.fixture
def shelf(monkeypatch) -> Iterator[Shelf]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fetch, "FIRST_WAIT_SECONDS", 0.01)
    made = Shelf(md5=f"{hashlib.md5(ZIP).hexdigest()}  {NAME}.zip\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"shelf": made}))
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}/movielens"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield made
    made.released.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "home" / "sources" / NAME


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def beside(target: Path) -> set[str]:
    return {p.name for p in target.parent.iterdir()} - {f".{target.name}.lock"}


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.zip.part")


def failure(shelf: Shelf, target: Path) -> str:
    """Sentence of a failed download, which must not leave a target or a half-unpacked folder."""
    with pytest.raises(DownloadFailed) as caught:
        download(NAME, target, base_url=shelf.url)
    assert beside(target) <= {f"{NAME}.zip.part", f"{NAME}.zip.part.from"}
    assert "\n" not in str(caught.value)
    return str(caught.value)


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


def test_a_flaky_line_is_taken_up_where_it_broke(shelf, target):
    shelf.drops = [100_000 + i for i in range(12)]  # more breaks than attempts, but each brings something
    download(NAME, target, base_url=shelf.url)

    assert files(target) == CONTENT
    answers = shelf.of_the_zip()
    assert [a.status for a in answers] == [200] + [206] * 12
    assert answers[1].asked == "bytes=100000-"
    assert sum(a.sent for a in answers) == len(ZIP)


@pytest.mark.parametrize(("etag", "dated"), [(True, False), (False, True)])
def test_either_an_etag_or_a_date_is_enough_to_resume(shelf, target, etag, dated):
    shelf.etag, shelf.dated, shelf.drops = etag, dated, [500_000]
    download(NAME, target, base_url=shelf.url)
    assert [(a.status, a.sent) for a in shelf.of_the_zip()] == [(200, 500_000), (206, len(ZIP) - 500_000)]


def test_without_any_version_or_ranges_it_starts_over(shelf, target):
    shelf.etag = shelf.dated = False
    shelf.drops = [500_000]
    download(NAME, target, base_url=shelf.url)
    assert [(a.asked, a.sent) for a in shelf.of_the_zip()] == [(None, 500_000), (None, len(ZIP))]

    other = target.with_name("other")
    shelf.answers.clear()
    shelf.etag, shelf.ranges, shelf.drops = True, False, [500_000]
    download(NAME, other, base_url=shelf.url)
    assert [(a.asked, a.status) for a in shelf.of_the_zip()] == [(None, 200), ("bytes=500000-", 200)]
    assert files(target) == files(other) == CONTENT


@pytest.mark.parametrize("if_range", [True, False], ids=["server knows If-Range", "server ignores If-Range"])
@pytest.mark.parametrize("kept", [500_000, len(ZIP)])
def test_a_file_that_changed_between_two_calls_is_fetched_anew(shelf, target, if_range, kept):
    shelf.drops, shelf.statuses = [kept], [200, 404]
    shelf.md5 = "no checksum" if kept == len(ZIP) else shelf.md5
    failure(shelf, target)
    assert part_of(target).stat().st_size == kept

    shelf.statuses, shelf.drops, shelf.if_range = [], [], if_range
    shelf.zip, shelf.md5 = NEWER, f"MD5 ({NAME}.zip) = {hashlib.md5(NEWER).hexdigest().upper()}\n"
    download(NAME, target, base_url=shelf.url)
    assert b"Toy Story" in (target / "movies.csv").read_bytes()
    assert shelf.of_the_zip()[-1].sent == len(NEWER)


def test_a_zip_that_is_all_here_is_not_sent_again(shelf, target):
    shelf.md5 = "no checksum"
    assert "holds no MD5 checksum" in failure(shelf, target)
    shelf.md5 = hashlib.md5(ZIP).hexdigest()
    download(NAME, target, base_url=shelf.url)
    assert [(a.status, a.sent) for a in shelf.of_the_zip()] == [(200, len(ZIP)), (416, 0)]


def test_transient_answers_are_tried_again_and_others_are_not(shelf, target, caplog):
    shelf.statuses = [503, 500, 429]
    with caplog.at_level(logging.WARNING):
        download(NAME, target, base_url=shelf.url)
    assert re.search(r"attempt 1 of 5: .*503 Service Unavailable.*; again in 0\.0 s\n", caplog.text)
    assert [a.status for a in shelf.of_the_zip()] == [503, 500, 429, 200]

    shelf.answers.clear()
    shelf.statuses = [404] * 9
    sentence = failure(shelf, target.parent / "elsewhere" / NAME)
    assert sentence.startswith(f"{shelf.url}/{NAME}.zip answered 404 Not Found; try again later or set")
    assert [a.status for a in shelf.answers] == [404]


def test_a_server_that_stays_down_gets_five_attempts(shelf, target):
    shelf.statuses = [503] * 9
    assert "answered 503 Service Unavailable" in failure(shelf, target)
    assert len(shelf.answers) == fetch.ATTEMPTS == 5


def test_a_line_that_stays_broken_says_how_to_go_on(shelf, target):
    shelf.drops = [1_000_000] + [0] * 19
    sentence = failure(shelf, target)
    assert sentence.startswith("Could not finish the download from 127.0.0.1 (")
    assert (
        "run again to go on after the 1.0 MB that are here, or download ml-latest-small.zip on a" in sentence
    )
    assert len(shelf.answers) == 2 * fetch.ATTEMPTS  # once more, as the first five brought something


def test_silence_is_a_transient_fault(shelf, target, monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUT", httpx.Timeout(0.3))
    shelf.hang_after = 700_000
    download(NAME, target, base_url=shelf.url)
    assert [a.sent for a in shelf.of_the_zip()] == [700_000, len(ZIP) - 700_000]
    assert files(target) == CONTENT


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
    assert f"downloaded {NAME}: 2.0 MB in " in caplog.text
    assert files(target) == CONTENT


@pytest.mark.parametrize("damaged", [ZIP[:-40], ZIP[:1000] + b"!" + ZIP[1001:], b"not a zip at all"])
def test_without_a_checksum_a_damaged_zip_is_found_by_its_own(shelf, target, damaged):
    shelf.zip, shelf.md5 = damaged, None
    assert re.search(r"cannot be unpacked \(.+\); it was removed, run again", failure(shelf, target))
    assert beside(target) == set()


def test_a_login_page_does_not_replace_what_is_here(shelf, target):
    shelf.drops, shelf.statuses = [500_000], [200, 404]
    failure(shelf, target)
    shelf.content_type, shelf.ranges, shelf.zip = (
        "text/html; charset=utf-8",
        False,
        b"<html>please log in</html>",
    )
    assert "answered with a web page instead of a file" in failure(shelf, target)
    assert part_of(target).stat().st_size == 500_000


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
    [("os.fsync = die", False), ("pathlib.Path.rename = die", False), ("download.discard = die", True)],
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
    with pytest.raises(BadInput, match="'ml-2m' is no MovieLens release; choose one of ml-100k, ml-1m"):
        download("ml-2m", tmp_path / "x")
    monkeypatch.setenv("RECENGINE_DOWNLOAD_URL", "ftp://mirror")
    with pytest.raises(BadInput, match="'ftp://mirror' is no download address; set RECENGINE_DOWNLOAD_URL"):
        download("ml-1m", tmp_path / "x")
