"""What a night goes on with, and what it must not replace unasked."""

from __future__ import annotations

import shutil
from pathlib import Path

import engine_homes
import pytest

from recengine import ingest, publish
from recengine.config import Home
from recengine.errors import BadInput
from recengine.knobs.stages import IngestConfig
from recengine.movielens.layouts import recognise
from recengine.serving import continuity as standing
from recengine.serving.continuity import Night
from recengine.synthetic.generator import GeneratorConfig, generate
from recengine.warehouse.connection import warehouse

OTHER = GeneratorConfig(layout="ml-100k", users=40, movies=60, ratings=1_000, seed=8)


@pytest.fixture
def published(published_home: Home, tmp_path: Path) -> Home:
    """A copy of the home with one publication."""
    return engine_homes.copy_of(published_home, tmp_path / "home")


def source_of(home: Home) -> tuple[str, Path]:
    """Dataset and folder of the last load."""
    with warehouse(home.warehouse) as con:
        [(dataset, folder)] = con.execute("SELECT dataset, source FROM ops.loads").fetchall()
    return dataset, Path(folder)


def going_on(home: Home, **asked: object) -> Night:
    with warehouse(home.warehouse) as con:
        return standing.going_on(con, home, Night.model_validate(asked))


def test_an_empty_home_has_the_demo(tmp_path: Path) -> None:
    assert going_on(Home.at(tmp_path / "home")) == Night(dataset="demo")


def test_what_was_loaded_last_where_nothing_is_published(home: Home) -> None:
    _, folder = source_of(home)
    assert going_on(home) == Night(source=str(folder))


@pytest.mark.parametrize("source", [None, "", "  "])
def test_what_is_published_goes_on_as_it_was(published: Home, source: str | None) -> None:
    """Without the file, as a home of an earlier release has it, from the history of loads."""
    dataset, folder = source_of(published)
    assert going_on(published, source=source) == Night(source=str(folder))
    lenient = IngestConfig(max_bad_share=0.2)
    standing.remember(published, dataset, Night(source="/mine", limits=lenient, top_n=20))
    standing.remember(published, "another", Night(source="/another"))
    assert going_on(published, source=source) == Night(source="/mine", limits=lenient, top_n=20)
    strict = IngestConfig(max_bad_share=0.1)
    assert going_on(published, limits=strict, top_n=7) == Night(source="/mine", limits=strict, top_n=7)
    (published.root / "nights.json").write_text("{ torn")
    assert going_on(published) == Night(source=str(folder))


def test_what_is_said_counts(published: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dataset, _ = source_of(published)
    standing.remember(published, dataset, Night(source="/mine", top_n=20))
    monkeypatch.chdir(tmp_path)
    assert going_on(published, source="b") == Night(source=str(tmp_path / "b"))
    assert going_on(published, dataset="ml-100k") == Night(dataset="ml-100k")


def test_a_dataset_by_name_goes_on_by_name(tmp_path: Path) -> None:
    """Also where the home was moved since."""
    home = Home.at(tmp_path / "home")
    generate(home.sources / "demo", engine_homes.SMALL)
    with warehouse(home.warehouse) as con:
        ingest.ingest(con, recognise(home.sources / "demo", "demo"), IngestConfig())
    moved = Home(home.root.rename(tmp_path / "moved"))
    assert going_on(moved) == Night(dataset="demo")


def test_another_name_over_what_is_published_needs_force(published: Home) -> None:
    dataset, _ = source_of(published)
    standing.refuse_to_replace(published, dataset)
    with pytest.raises(
        BadInput, match=rf"'{dataset}' is published in .*'demo' would replace it: use --force"
    ):
        standing.refuse_to_replace(published, "demo")
    standing.refuse_to_replace(published, "demo", force=True)
    with warehouse(published.warehouse) as con:
        con.execute("UPDATE scores.origin SET dataset = 'demo'")
        with pytest.raises(BadInput, match="'demo' would replace it"):
            publish.publish(con, published)


def test_another_folder_of_the_same_name(published: Home, tmp_path: Path) -> None:
    """A copy of the data is the same dataset; other movies under its name need force."""
    dataset, folder = source_of(published)
    copy, other = tmp_path / "copy" / dataset, tmp_path / "other" / dataset
    shutil.copytree(folder, copy)
    with (copy / "u.data").open("a") as ratings:
        ratings.write("1\t1\t5\t890000000\n")
    generate(other, OTHER)
    with warehouse(published.warehouse) as con:
        ingest.ingest(con, recognise(copy), IngestConfig())
        standing.refuse_other_movies(con, published)
        ingest.ingest(con, recognise(other), IngestConfig())
        with pytest.raises(BadInput, match="has the same name but other movies"):
            standing.refuse_other_movies(con, published)
        standing.refuse_other_movies(con, published, force=True)
