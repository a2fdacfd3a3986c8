"""From what a person names (a dataset, a folder, a zip) to a recognised source folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from recengine.config import Home, checked_dataset
from recengine.errors import UnknownLayout
from recengine.movielens import foreign
from recengine.movielens.archive import unpacked
from recengine.movielens.download import download
from recengine.movielens.layouts import Source, recognise
from recengine.runtime import durable
from recengine.runtime.paths import user_path
from recengine.synthetic.generator import DEMO, generate

_AGAIN = "it is made again"


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
        A folder or zip on disk, as a person gives it (see ``runtime.paths.user_path``): data, or a ``dataset.toml``
        that names a reader of it. Blank is none.

    Raises
    ------
    BadInput, UnknownLayout, BadSource, DownloadFailed
        In one sentence, what to do.
    """
    if (written := user_path(source)) is not None:
        path = written.absolute()
        folder, name = path, None
        if path.is_file():
            folder, name = _whole(lambda: unpacked(path, home.sources / "zips")), path.stem
        return foreign.read(home, folder, name) or recognise(folder, name)
    home.sources.mkdir(parents=True, exist_ok=True)
    dataset = checked_dataset(dataset or "demo")
    folder = home.sources / dataset
    try:
        return recognise(_whole(lambda: _made(folder)), dataset)
    except UnknownLayout as error:
        durable.set_aside(folder, f"found {', '.join(error.found) or 'nothing'}", _AGAIN)
    return recognise(_whole(lambda: _made(folder)), dataset)


def _made(folder: Path) -> Path:
    """A dataset of ours in the folder of its name, made where it is not there."""
    if not folder.is_dir() or not any(folder.iterdir()):
        generate(folder, DEMO) if folder.name == "demo" else download(folder.name, folder)
    return folder


def _whole(make: Callable[[], Path]) -> Path:
    """What ``make`` makes or finds, as it once was: one that is not is set aside and made again."""
    folder = make()
    listed = folder.with_name(f".{folder.name}.sums.json")
    if problem := durable.problem_of(folder, listed):
        durable.set_aside(folder, problem, _AGAIN)
        listed.unlink()
        make()
    if not listed.exists():
        durable.seal(folder, listed)
    return folder
