"""From what a person names (a dataset, a folder, a zip) to a recognised source folder."""

from __future__ import annotations

from pathlib import Path

from recengine.config import Home, checked_dataset
from recengine.movielens.archive import unpacked
from recengine.movielens.download import download
from recengine.movielens.generator import DEMO, generate
from recengine.movielens.layouts import Source, recognise
from recengine.paths import meant


def locate(home: Home, dataset: str | None = "demo", source: str | Path | None = None) -> Source:
    """The source to ingest: a folder or zip of the user's own, or a dataset by name.

    Parameters
    ----------
    home : Home
        Where datasets are kept.
    dataset : str
        "demo" (generated on the spot) or a GroupLens release (downloaded once); not looked at when
        ``source`` is given.
    source : path, optional
        A MovieLens folder or zip on disk, as a person gives it (see ``recengine.paths.meant``); blank is none.

    Raises
    ------
    BadInput, UnknownLayout, BadSource, DownloadFailed
        In one sentence, what to do.
    """
    given = meant(source)
    if given is not None:
        path = given.absolute()
        if path.is_file():
            return recognise(unpacked(path, home.sources / "zips"), path.stem)
        return recognise(path)
    dataset = checked_dataset(dataset or "demo")
    folder = home.sources / dataset
    if not folder.exists():
        home.sources.mkdir(parents=True, exist_ok=True)
        generate(folder, DEMO) if dataset == "demo" else download(dataset, folder)
    return recognise(folder, dataset)
