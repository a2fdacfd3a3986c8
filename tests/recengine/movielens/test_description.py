"""What a dataset.toml may say, and the sentence for what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from ingest_frames import frame, load, table, warehouse_in_memory, write

from recengine.errors import BadSource
from recengine.movielens import description
from recengine.movielens.description import Description
from recengine.movielens.layouts import recognise

SHOP = """
name = "my-shop"
scale = "0-10/1"
liked_from = 6
[ratings]
files = ["events*.csv"]
separator = ";"
columns = { user = "customer", movie = "sku", rating = "stars", time = "when" }
[movies]
files = ["items.csv"]
columns = { movie = "sku", title = "name", genres = "kinds", year = "released" }
genre_separator = "|"
categories = ["director", "studio"]
[users]
files = ["customers.csv"]
encoding = "cp1252"
columns = { user = "customer", gender = "sex", age = "age", occupation = "job" }
attributes = ["country", "plan"]
"""


def of(folder: Path, text: str | bytes) -> Description | None:
    folder.joinpath("dataset.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    return description.load(folder)


def test_every_field_is_read(tmp_path: Path) -> None:
    said = of(tmp_path, SHOP)
    assert said is not None
    assert (said.name, said.scale, said.liked_from) == ("my-shop", "0-10/1", 6.0)
    assert said.ratings is not None
    assert said.movies is not None
    assert said.users is not None
    assert (said.ratings.files, said.ratings.separator) == (("events*.csv",), ";")
    assert said.ratings.columns.declared == {
        "user": "customer",
        "movie": "sku",
        "rating": "stars",
        "time": "when",
    }
    assert (said.movies.genre_separator, said.movies.categories) == ("|", ("director", "studio"))
    assert (said.users.encoding, said.users.attributes) == ("cp1252", ("country", "plan"))


def test_none_is_no_description_and_an_empty_one_says_nothing(tmp_path: Path) -> None:
    assert description.load(tmp_path) is None
    assert of(tmp_path, b"\xef\xbb\xbf") == Description()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = ", "is no TOML (Invalid value (at end of document))"),
        (b"name = '\xe9'", "is not written in UTF-8"),
        ('nmae = "x"', "nmae: there is no such field; did you mean name?"),
        ("name = 5", "name: input should be a valid string"),
        ("liked_from = nan", "liked_from: input should be a finite number"),
        ("[ratings]", "ratings.files: field required"),
        ("[ratings]\nfiles = []", "ratings.files: "),
        ("[ratings]\nfiles = ['../x.csv']", "ratings.files.0: must be a file name or pattern below"),
        ("[ratings]\nfiles = ['/x.csv']", "ratings.files.0: must be a file name or pattern below"),
        ("[ratings]\nfiles = ['x']\nseparator = ''", "ratings.separator: must be 1 to 4 characters"),
        ("[ratings]\nfiles = ['x']\nencoding = 'latein'", "ratings.encoding: there is no encoding 'latein'"),
        ("[ratings]\nfiles = ['x']\nencoding = 'hex'", "ratings.encoding: there is no encoding 'hex'"),
        (
            "[ratings]\nfiles = ['x']\ncolumns = { usr = 'a' }",
            "ratings.columns.usr: there is no such field; did you mean user?",
        ),
        ("[ratings]\nfiles = ['x']\ncolumns = { user = true }", "ratings.columns.user: "),
        (
            "[ratings]\nfiles = ['x']\ncolumns = { user = 'a', movie = 2 }",
            "ratings.columns: name every column",
        ),
        (
            "[ratings]\nfiles = ['x']\ncolumns = { user = 'a', movie = 'a' }",
            "ratings.columns: names one column",
        ),
        ("[users]\nfiles = ['x']\nattributes = ['a', 'a']", "users: attributes names a column twice"),
        (
            "[movies]\nfiles = ['x']\ncolumns = { movie = 1 }\ncategories = ['a']",
            "movies: categories are columns",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence_with_file_and_field(
    text: str | bytes, says: str, tmp_path: Path
) -> None:
    with pytest.raises(BadSource) as caught:
        of(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'dataset.toml'}: {says}")
    assert "\n" not in str(caught.value)


def test_it_is_part_of_the_input_and_its_name_is_the_datasets(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    folder = write(tmp_path / "f", frame("csv"))
    first = load(con, folder)
    (folder / "dataset.toml").write_text("liked_from = 2.5\n")
    second = load(con, folder)
    assert second.status == "loaded"
    assert second.input_fingerprint != first.input_fingerprint
    assert load(con, folder).status == "unchanged"
    (folder / "dataset.toml").write_text('name = "mine"\n')
    assert (recognise(folder).dataset, recognise(folder, "given").dataset) == ("mine", "given")


def test_no_attributes_or_categories_are_empty_maps(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    load(con, write(tmp_path / "f", frame("csv", ratings="9,10,4,1000000009\n")))
    assert con.execute("SELECT attributes FROM core.users").fetchall() == [({},)] * 3
    assert con.execute("SELECT categories FROM core.movies").fetchall() == [({},)] * 3
    assert len(table(con, "users")) == 3
