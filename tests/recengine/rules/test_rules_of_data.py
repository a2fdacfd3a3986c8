"""Rules that come with the data: what a ``dataset.toml`` may name, and whose rules are in force."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from engine_homes import loaded

from recengine import ingest
from recengine.config import Home
from recengine.errors import BadInput, BadSource
from recengine.knobs.stages import IngestConfig, ScoreConfig
from recengine.movielens.foreign import Reader
from recengine.movielens.layouts import Role, Source, recognise
from recengine.movielens.locating import locate
from recengine.rules.inforce import fingerprint, rules_of
from recengine.warehouse.connection import warehouse

DATA = {
    "ratings.csv": "userId,movieId,rating,timestamp\n1,1,5,1000000000\n2,1,4,1000000000\n2,2,1,1000000001\n",
    "movies.csv": "movieId,title,genres\n1,Toys (1995),Comedy\n2,Heat (1995),Drama\n3,Sun (1999),Drama\n",
}


def shop(folder: Path, described: str = 'rules = "limits"', **rules: str) -> Path:
    (folder / "limits").mkdir(parents=True)
    for name, text in (DATA | {"dataset.toml": described}).items():
        (folder / name).write_text(text, encoding="utf-8")
    for name, text in rules.items():
        (folder / "limits" / f"{name}.sql").write_text(text, encoding="utf-8")
    return folder


def load(home: Home, source: Source) -> str:
    with warehouse(home.warehouse) as con:
        return ingest.ingest(con, source, IngestConfig()).status


def named(home: Home, **config: str) -> list[str]:
    return [rule.name for rule in rules_of(home, ScoreConfig(**config))]


def test_an_option_comes_before_the_data_s_and_that_before_the_home_s(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    (home.root / "rules").mkdir()
    (home.root / "rules/pin_home.sql").write_text("SELECT 1 AS movie_id")
    (tmp_path / "asked").mkdir()
    (tmp_path / "asked/only_asked.sql").write_text("SELECT 1 AS movie_id")
    assert named(home) == ["pin_home"]
    load(home, recognise(shop(tmp_path / "shop", exclude_data="SELECT 2 AS movie_id")))
    assert named(home) == ["exclude_data"]
    assert named(home, rules=str(tmp_path / "asked")) == ["only_asked"]
    (tmp_path / "shop/dataset.toml").unlink()
    load(home, recognise(tmp_path / "shop"))
    assert named(home) == ["pin_home"]


def test_they_are_read_anew_where_the_data_is_as_it_was_and_no_data_is(tmp_path: Path) -> None:
    home, folder = Home.at(tmp_path / "home"), shop(tmp_path / "shop", exclude_data="SELECT 2 AS movie_id")
    assert load(home, recognise(folder)) == "loaded"
    before = fingerprint(home, ScoreConfig())
    with warehouse(home.warehouse) as con:
        assert ingest.is_loaded(con, recognise(folder), IngestConfig())
        (folder / "limits/exclude_data.sql").write_text("SELECT 3 AS movie_id")
        assert not ingest.is_loaded(con, recognise(folder), IngestConfig())
    assert fingerprint(home, ScoreConfig()) == before, "the loaded ones count"
    assert load(home, recognise(folder)) == "unchanged"
    assert fingerprint(home, ScoreConfig()) not in ("", before)
    [rule] = rules_of(home, ScoreConfig())
    assert (rule.query, rule.path) == ("SELECT 3 AS movie_id", folder / "limits/exclude_data.sql")


def test_they_come_with_a_zip(tmp_path: Path) -> None:
    home, folder = Home.at(tmp_path / "home"), shop(tmp_path / "shop", only_data="SELECT 2 AS movie_id")
    zipped = shutil.make_archive(str(tmp_path / "zipped"), "zip", folder)
    load(home, locate(home, source=zipped))
    assert named(home) == ["only_data"]


class Pairs(Reader):
    """One rating."""

    def read(self, folder: Path) -> dict[Role, pa.Table]:
        return {"ratings": pa.table({"user": [1], "movie": [2], "rating": [3.0], "time": [1_000_000_000]})}


def test_they_come_with_data_that_a_reader_of_one_s_own_hands_over(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    described = f'rules = "limits"\nreader = "{__name__}:Pairs"'
    load(home, locate(home, source=shop(tmp_path / "shop", described, cap_data="SELECT 1 AS movie_id")))
    assert named(home) == ["cap_data"]


def test_a_rule_that_is_wrong_is_told_by_its_own_path(tmp_path: Path) -> None:
    home, folder = Home.at(tmp_path / "home"), shop(tmp_path / "shop", exclude_data="SELEC 2")
    load(home, recognise(folder))
    with pytest.raises(BadInput, match=r"shop/limits/exclude_data\.sql cannot be read as SQL"):
        rules_of(home, ScoreConfig())


@pytest.mark.parametrize(
    ("described", "sentence"),
    [
        ('rules = "nowhere"', r"dataset\.toml: its rules cannot be read: .*/nowhere is no folder of rules"),
        ('rules = "limits"', r"dataset\.toml: its rules cannot be read: .*/limits holds no rule"),
        ('rules = "../limits"', r"dataset\.toml: rules: must be a folder below that of dataset\.toml"),
        ('rules = "/tmp"', r"dataset\.toml: rules: must be a folder below that of dataset\.toml"),
        ('rules = ""', r"dataset\.toml: rules: string should have at least 1 character"),
        ("rules = 7", r"dataset\.toml: rules: input should be a valid string"),
    ],
)
def test_a_folder_that_cannot_be_is_one_sentence_and_nothing_is_loaded(
    tmp_path: Path, described: str, sentence: str
) -> None:
    home = Home.at(tmp_path / "home")
    loaded(home)
    before = fingerprint(home, ScoreConfig())
    with pytest.raises(BadSource, match=sentence) as caught:
        load(home, recognise(shop(tmp_path / "shop", described)))
    assert "\n" not in str(caught.value)
    assert fingerprint(home, ScoreConfig()) == before
