"""A real HTTP server on this machine that holds one release, misbehaves on demand and keeps a diary."""

from __future__ import annotations

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from recengine.errors import DownloadFailed
from recengine.movielens.download import download

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


@contextmanager
def serving() -> Iterator[Shelf]:
    made = Shelf(md5=f"{hashlib.md5(ZIP).hexdigest()}  {NAME}.zip\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"shelf": made}))
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}/movielens"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield made
    finally:
        made.released.set()
        server.shutdown()
        server.server_close()


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
