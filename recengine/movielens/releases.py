"""The MovieLens releases that GroupLens distributes: names, addresses, sizes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from recengine.errors import BadInput
from recengine.movielens.layouts import LayoutName
from recengine.runtime.near import choose

GROUPLENS_URL = "https://files.grouplens.org/datasets/movielens"
URL_VARIABLE = "RECENGINE_DOWNLOAD_URL"


@dataclass(frozen=True)
class Release:
    """One release: a zip on the GroupLens server, and what its README says is in it.

    Attributes
    ----------
    name : str
        The name used on the command line, also the stem of the zip.
    layout : {"ml-100k", "ml-1m", "ml-10m", "csv"}
        How its files look: ``u.data`` and friends; ``::`` files with users; ``::`` files without users;
        ``ratings.csv`` and ``movies.csv``.
    folder : str
        The single folder inside the zip.
    zip_bytes : int
        Size of the zip in bytes; approximate for the releases that change.
    ratings, users, movies : int
        Counts of the README; movies includes those that nobody rated.
    changes : bool
        True for the two development releases, which GroupLens regenerates under the same name.
    """

    name: str
    layout: LayoutName
    folder: str
    zip_bytes: int
    ratings: int
    users: int
    movies: int
    changes: bool = False

    @property
    def archive(self) -> str:
        """File name of the zip."""
        return f"{self.name}.zip"

    def url(self, base_url: str = GROUPLENS_URL) -> str:
        """Address of the zip on GroupLens' server or a mirror of its folder."""
        return f"{base_url.rstrip('/')}/{self.archive}"

    def md5_url(self, base_url: str = GROUPLENS_URL) -> str:
        """Address of the checksum file, which GroupLens keeps beside each zip."""
        return f"{self.url(base_url)}.md5"


# 10m: the README's 71,567 is the highest user id, 69,878 users have ratings.
_ALL = (
    Release("ml-100k", "ml-100k", "ml-100k", 4_924_029, 100_000, 943, 1_682),
    Release("ml-1m", "ml-1m", "ml-1m", 5_917_549, 1_000_209, 6_040, 3_883),
    Release("ml-10m", "ml-10m", "ml-10M100K", 65_566_137, 10_000_054, 69_878, 10_681),
    Release("ml-20m", "csv", "ml-20m", 198_702_078, 20_000_263, 138_493, 27_278),
    Release("ml-25m", "csv", "ml-25m", 261_978_986, 25_000_095, 162_541, 62_423),
    Release("ml-32m", "csv", "ml-32m", 238_950_008, 32_000_204, 200_948, 87_585),
    Release("ml-latest-small", "csv", "ml-latest-small", 978_202, 100_836, 610, 9_742, changes=True),
    Release("ml-latest", "csv", "ml-latest", 350_000_000, 33_832_162, 330_975, 86_537, changes=True),
)
RELEASES: Mapping[str, Release] = MappingProxyType({entry.name: entry for entry in _ALL})


def release(name: str) -> Release:
    """Look up a release by its name.

    Raises
    ------
    BadInput
        If GroupLens has no release of that name.
    """
    if name not in RELEASES:
        raise BadInput(f"{name!r} is no MovieLens release; {choose(name, RELEASES)}")
    return RELEASES[name]


def server_url(base_url: str | None = None) -> str:
    """Where releases come from: the argument, else ``RECENGINE_DOWNLOAD_URL``, else GroupLens.

    Raises
    ------
    BadInput
        If the address is not an http or https one.
    """
    chosen = base_url or os.environ.get(URL_VARIABLE) or GROUPLENS_URL
    if not chosen.startswith(("http://", "https://")):
        raise BadInput(
            f"{chosen!r} is no download address; set {URL_VARIABLE} to an http(s) folder that holds the "
            f"zips, such as {GROUPLENS_URL}."
        )
    return chosen
