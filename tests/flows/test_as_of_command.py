"""``recengine run --as-of DATE``: a publication of its own, of the ratings up to that day; today's stays as it is."""

from __future__ import annotations

import hashlib

import pytest
from stage_commands import published_in, start

from recengine.config import Home
from recengine.serving import queries as reading
from recengine.warehouse.connection import warehouse


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a publication."""
    return published_in(tmp_path_factory.mktemp("as-of"))


def contents(home: Home) -> dict[str, str]:
    """Every file that readers may open, and its hash; where the link leads."""
    files = [file for file in sorted(home.serving.rglob("*")) if file.is_file()]
    hashes = {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    return hashes | {"link": str(home.serving_link.readlink())}


def test_lists_as_they_would_have_been_are_published_apart(
    published: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    with warehouse(published.warehouse) as con:
        [(day,)] = con.execute("SELECT quantile_disc(rated_at, 0.5)::DATE FROM core.ratings").fetchall()
        [(early,)] = con.execute(
            "SELECT count(*) FROM core.ratings WHERE rated_at::DATE <= ?", [day]
        ).fetchall()
        [(every,)] = con.execute("SELECT count(*) FROM core.ratings").fetchall()
    before = contents(published)
    assert start("run", "--as-of", day, "--model", "popularity", "--home", published.root) == 0
    assert contents(published) == before
    said = capsys.readouterr()
    assert f"As of {day}: " in said.err
    assert f"What is published under {published.root} is as it was." in " ".join(said.err.split())
    assert f"--home {published.root}/as-of/{day}" in said.out, "how to query them"
    then = Home.at(published.root / "as-of" / str(day))
    [[rows, last]] = reading.sql(then, "SELECT count(*), max(rated_at)::DATE FROM ratings").to_numpy()
    assert 0 < early == rows < every
    assert last.date() <= day
    assert reading.status(then)["publication"]["model"] == "popularity"
    assert start("status", "--home", published.root) == 0


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (("--as-of", "last week"), "--as-of takes a day such as 2026-11-01, and 'last week' is none."),
        (("--as-of", "1990-01-01"), "No rating is of 1990-01-01 or before; the first is of 20"),
        (("--as-of", "1998-01-01", "--export", "csv"), "exports nothing; leave --export out."),
    ],
)
def test_what_cannot_be_is_one_sentence(
    published: Home, capsys: pytest.CaptureFixture[str], told: tuple[str, ...], sentence: str
) -> None:
    assert start("run", *told, "--home", published.root) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
