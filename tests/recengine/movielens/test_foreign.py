"""A reader of somebody else's, over a SQLite file: from its dataset.toml to published lists."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import outsiders
import pytest

from recengine import features, ingest
from recengine.config import Home
from recengine.errors import BadInput, BadSource
from recengine.ingest import IngestConfig
from recengine.movielens.locating import locate
from recengine.upkeep.forget import forget
from recengine.warehouse.connection import warehouse

TOML = outsiders.SHOP


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a shop's SQLite file, and a package that reads it."""
    outsiders.package(tmp_path / "elsewhere", monkeypatch)
    return outsiders.shop(tmp_path / "shop")


@pytest.fixture
def own_home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "own")


def loaded(home: Home, folder: Path) -> ingest.LoadReport:
    found = locate(home, source=folder)
    with warehouse(home.warehouse) as con:
        return ingest.ingest(con, found, IngestConfig())


def test_its_tables_are_loaded_and_read_again_only_where_they_changed(shop: Path, own_home: Home) -> None:
    before = sorted(shop.iterdir())
    report = loaded(own_home, shop)
    assert (report.dataset, report.status, report.ratings, report.movies) == ("shop", "loaded", 300, 20)
    with warehouse(own_home.warehouse) as con:
        assert con.execute("SELECT title, genres FROM core.movies WHERE movie_id = 7").fetchall() == [
            ("Item 7 (1999)", ["Comedy", "Drama"])
        ]
        assert con.execute("SELECT source FROM ops.loads").fetchall() == [(str(shop),)]
        assert features.snapshot(con).scale == (1, 5)
    assert sorted(shop.iterdir()) == before, "nothing is written to the person's own folder"

    assert loaded(own_home, shop).status == "unchanged"
    with sqlite3.connect(shop / "shop.db") as con:
        con.execute("INSERT INTO orders VALUES (31, 3, 5, 1600100000)")
    again = loaded(own_home, shop)
    assert (again.status, again.ratings, again.files_read, again.files_unchanged) == ("loaded", 301, 1, 1)


def test_its_options_reach_it(shop: Path, own_home: Home) -> None:
    (shop / "dataset.toml").write_text(f"{TOML}[options]\nlowest = 4\n")
    with sqlite3.connect(shop / "shop.db") as con:
        [(wanted,)] = con.execute("SELECT count(*) FROM orders WHERE stars >= 4")
    assert loaded(own_home, shop).ratings == wanted
    assert 0 < wanted < 300


def test_who_is_forgotten_is_in_no_copy(shop: Path, own_home: Home) -> None:
    loaded(own_home, shop)
    [copy] = (own_home.sources / "read").iterdir()
    assert sorted(path.name for path in copy.iterdir()) == [
        "dataset.toml",
        "movies.parquet",
        "ratings.parquet",
    ]
    forget(own_home, [7])
    assert not list((own_home.sources / "read").iterdir())
    report = loaded(own_home, shop)
    assert report.ratings == 300 - 10


@pytest.mark.parametrize(
    ("reader", "sentence"),
    [
        ('"outside.reading:Shpo"', r"There is no 'Shpo' in outside.reading \(did you mean Shop\?\)"),
        ('"shop"', "There is no reader 'shop'; give an import path such as package.module:Name"),
        (
            '"shutil:rmtree"',
            "shutil:rmtree is no reader: it is not a subclass of recengine.movielens.foreign",
        ),
        (
            '"outside.reading:Torn"',
            r"its reader outside.reading:Torn failed \(OSError: the shop is closed\);",
        ),
        ('"outside.reading:Movies"', "hands over movies; it has to hand over ratings"),
        (
            '"outside.reading:Shop"\n[options]\nfiel = "x"',
            r"There is no knob options.fiel; did you mean file\?",
        ),
        ('"outside.reading:Shop"\n[options]\nfile = "none.db"', r"failed \(OperationalError: unable to open"),
    ],
)
def test_one_sentence_for_what_goes_wrong(shop: Path, own_home: Home, reader: str, sentence: str) -> None:
    (shop / "dataset.toml").write_text(f"reader = {reader}\n")
    with pytest.raises((BadInput, BadSource), match=sentence):
        locate(own_home, source=shop)
    assert (shop / "shop.db").exists()


def test_a_reader_under_the_name_that_its_package_gives_it(
    shop: Path, own_home: Home, tmp_path: Path
) -> None:
    outsiders.offer(tmp_path / "elsewhere", "recengine.readers", "shop", "outside.reading:Shop")
    (shop / "dataset.toml").write_text('reader = "shop"\n')
    assert loaded(own_home, shop).ratings == 300
