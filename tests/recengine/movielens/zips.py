"""Good and bad zips for the tests of unpacking."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

RATINGS = b"userId,movieId,rating,timestamp\n" + b"".join(
    b"%d,%d,4.0,978300760\n" % (i, i) for i in range(400)
)
GOOD = {
    "ml-25m/ratings.csv": RATINGS,
    "ml-25m/movies.csv": b"movieId,title,genres\n",
    "ml-25m/more/x.txt": b"x",
}


def info(name: str, mode: int = 0, method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("placeholder")
    member.filename = name  # the constructor would cut and turn round what we want to test
    member.external_attr = mode << 16
    member.compress_type = method
    return member


def zip_bytes(members: dict[str, bytes] | list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    pairs = [(info(n), c) for n, c in members.items()] if isinstance(members, dict) else members
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as out:
        for member, content in pairs:
            out.writestr(member, content)
    return stream.getvalue()


def make_zip(
    folder: Path, members: dict[str, bytes] | list[tuple[zipfile.ZipInfo, bytes]], name: str = "z.zip"
) -> Path:
    path = folder / name
    path.write_bytes(zip_bytes(members))
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
