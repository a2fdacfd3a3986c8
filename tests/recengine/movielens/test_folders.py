"""Which files of a folder are taken for what, and the description in docs/your-data.md."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest
from ingest_frames import FRAMES, MOVIES, RATINGS, load, table, warehouse_in_memory

from recengine.errors import BadSource, UnknownLayout
from recengine.movielens.layouts import recognise
from recengine.movielens.spellings import SPELLINGS, key

R, M = FRAMES["csv"]["ratings.csv"], FRAMES["csv"]["movies.csv"]
DOCS = Path(__file__).parents[3] / "docs" / "your-data.md"


def tree(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def taken(folder: Path) -> list[str]:
    return sorted(file.name for file in recognise(folder).files)


def test_an_unrelated_file_beside_a_complete_set_refuses_nothing(tmp_path: Path) -> None:
    beside: dict[str, str | bytes] = {
        "movies_metadata.csv": "adult,genres,id,title\nFalse,[],1,A\n",
        "movies_links.csv": "movieId,imdbId\n10,114709\n",
        "movie_reviews.csv": "userId,movieId,title\n1,10,good\n",
        "ratings_small.csv": "userId,movieId,rating,timestamp\n7,30,1.0,1000000009\n",
        "ratings_by_country.csv": "country,mean\nDE,3.5\n",
        "users_movies.csv": "userId,movieId\n1,10\n",
        "Ratings.xlsx": "PK",
    }
    con = warehouse_in_memory()
    folder = tree(tmp_path / "f", {"ratings.csv": R, "movies.csv": M} | beside)
    report = load(con, folder, max_bad_share=0.0)
    assert (table(con, "ratings"), table(con, "movies")) == (RATINGS, MOVIES)
    assert {note.split(" ")[0] for note in report.notes} == set(beside) - {"Ratings.xlsx"}
    assert "its name says 'small'" in "".join(report.notes)


def test_an_edition_is_read_where_there_is_no_other(tmp_path: Path) -> None:
    assert taken(tree(tmp_path / "f", {"ratings_small.csv": R, "movies.csv": M})) == [
        "movies.csv",
        "ratings_small.csv",
    ]


def test_a_file_without_a_header_is_no_unrelated_one(tmp_path: Path) -> None:
    folder = tree(tmp_path / "f", {"ratings.csv": R, "movies.csv": M, "ratings-2.csv": "2,20,4,1000000005\n"})
    with pytest.raises(BadSource, match=r"ratings-2\.csv: .* it is data"):
        load(warehouse_in_memory(), folder)


@pytest.mark.parametrize("layout", ["ml-100k"])
def test_ml_100k_loads_without_its_users(layout: str, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {name: text for name, text in FRAMES[layout].items() if name != "u.user"}
    con = warehouse_in_memory()
    report = load(con, tree(tmp_path / "f", files), max_bad_share=0.0)
    assert (report.layout, report.users_without_attributes, table(con, "ratings")) == (layout, 2, RATINGS)


def test_files_two_folders_deep_and_a_folder_for_each(tmp_path: Path) -> None:
    deep = tree(tmp_path / "deep", {"a/b/ratings.csv": R, "a/b/movies.csv": M, ".git/x": "", "a/README": ""})
    assert taken(deep) == ["movies.csv", "ratings.csv"]
    split = tree(tmp_path / "split", {"data/x/ratings.csv": R, "meta/movies.csv": M})
    assert taken(split) == ["data/x/ratings.csv", "meta/movies.csv"]
    con = warehouse_in_memory()
    load(con, split)
    assert (table(con, "ratings"), table(con, "movies")) == (RATINGS, MOVIES)
    two = tree(tmp_path / "two", {"one/ratings.csv": R, "two/ratings.csv": R, "one/movies.csv": M})
    with pytest.raises(
        BadSource, match=r"holds ratings in two folders, one/ratings\.csv and two/ratings\.csv"
    ):
        recognise(two)


def test_sparks_folders_of_parts(tmp_path: Path) -> None:
    header, *rows = R.splitlines(keepends=True)
    folder = tree(
        tmp_path / "f",
        {
            "ratings.csv/part-00000-x-c000.csv": header + rows[0],
            "ratings.csv/part-00001-x-c000.csv": header + "".join(rows[1:]),
            "ratings.csv/part-00002-x-c000.csv": "",
            "ratings.csv/_SUCCESS": "",
            "ratings.csv/.part-00000-x-c000.csv.crc": b"crc\x00",
        },
    )
    (folder / "movies.parquet").mkdir()
    duckdb.execute(
        f"COPY (SELECT 10 * i AS movie_id, 'Film ' || i AS title FROM range(1, 4) r(i)) "
        f"TO '{folder}/movies.parquet/part-00000-x.snappy.parquet'"
    )
    con = warehouse_in_memory()
    load(con, folder, max_bad_share=0.0)
    assert table(con, "ratings") == RATINGS
    assert [row[1] for row in table(con, "movies")] == ["Film 1", "Film 2", "Film 3"]


def test_ratings_alone_load_with_movies_called_by_their_ids(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    report = load(con, tree(tmp_path / "f", {"ratings.csv": R}), max_bad_share=0.0)
    assert table(con, "movies") == [(10, "10", None, []), (20, "20", None, [])]
    assert (table(con, "ratings"), report.notes) == (
        RATINGS,
        ["there is no movies file: movies are called by their ids"],
    )


def test_ratings_alone_are_no_second_layout(tmp_path: Path) -> None:
    source = recognise(tree(tmp_path / "f", {**FRAMES["ml-1m"], "ratings.csv": R}))
    assert source.layout.name == "ml-1m"


def test_a_folder_of_other_files_is_told_of_the_description(tmp_path: Path) -> None:
    with pytest.raises(UnknownLayout, match=r"say in a dataset\.toml beside your own files what they are\."):
        recognise(tree(tmp_path / "f", {"events.csv": R}))


def example(folder: Path) -> Path:
    """The files and the description of the page."""
    blocks = re.findall(
        r"^```\w+ (\S+)\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return tree(folder, dict(blocks))


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    con = warehouse_in_memory()
    report = load(con, example(tmp_path / "shop"), max_bad_share=0.0)
    assert (report.dataset, report.ratings, report.movies, report.users) == ("my-shop", 5, 3, 3)
    assert table(con, "ratings")[0] == (17, 900001, 8.0, 1772396100)
    assert table(con, "movies") == [
        (900001, "Café, The", 1999, ["Comedy", "Drama"]),
        (900002, "Space Rain", 2004, ["Sci-Fi"]),
        (900003, "A title\non two lines", 2011, []),
    ]
    assert con.execute("SELECT categories FROM core.movies ORDER BY movie_id").fetchall() == [
        ({"director": ["Ann Lee"], "studio": ["North"]},),
        ({"director": ["Ann Lee", "Bo Ek"], "studio": ["North"]},),
        ({"studio": ["South"]},),
    ]
    users = "SELECT gender, age, occupation, attributes FROM core.users ORDER BY user_id"
    assert con.execute(users).fetchall() == [
        ("F", 34, "teacher", {"country": "DE", "plan": "basic"}),
        ("M", 51, None, {"country": "SE", "plan": "premium"}),
        (None, None, None, {"plan": "basic"}),
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"events-*.csv"', '"sales.csv"', r"dataset\.toml: ratings\.files\.0: no file .* 'sales\.csv'"),
        ('movie = "sku", rating', 'movie = "ean", rating', r"events-2026\.csv: .*column movie is 'ean'"),
        ('["country", "plan"]', '["country", "tier"]', r"customers\.csv: .*'tier'"),
        ('scale = "0-10/1"', 'scale = "ten"', r"scale"),
    ],
)
def test_what_the_description_gets_wrong_is_named(old: str, new: str, says: str, tmp_path: Path) -> None:
    folder = example(tmp_path / "shop")
    text = (folder / "dataset.toml").read_text()
    (folder / "dataset.toml").write_text(text.replace(old, new))
    assert text != (folder / "dataset.toml").read_text()
    with pytest.raises(BadSource, match=says):
        load(warehouse_in_memory(), folder)


def test_places_instead_of_names_and_another_encoding(tmp_path: Path) -> None:
    toml = (
        "[ratings]\nfiles = ['r.txt']\nseparator = '::'\ncolumns = { user = 2, movie = 1, rating = 3 }\n"
        "[movies]\nfiles = ['m.txt']\nencoding = 'cp1252'\ncolumns = { movie = 1, title = 2 }\n"
    )
    folder = tree(
        tmp_path / "f",
        {
            "dataset.toml": toml,
            "r.txt": "10::1::5::x\n20::1::3::y\n10::2::4::z\n",
            "m.txt": "10,Été €\n20,B\n".encode("cp1252"),
        },
    )
    con = warehouse_in_memory()
    load(con, folder, max_bad_share=0.0)
    assert table(con, "ratings") == [(u, m, s, 0) for u, m, s, _ in RATINGS]
    assert [row[1] for row in table(con, "movies")] == ["Été €", "B"]


def test_the_table_of_spellings_is_that_of_the_page() -> None:
    page = DOCS.read_text(encoding="utf-8")
    rows = {row.split("|")[1].strip(): row for row in page.splitlines() if row.startswith("| ")}
    shown = {"user_id": "user", "movie_id": "movie", "rated_at": "time"}
    for columns in SPELLINGS.values():
        for column, spellings in columns.items():
            row = next(text for name, text in rows.items() if shown.get(column, column) in name.split(", "))
            assert set(spellings) <= {key(word) for word in re.split(r"[\s,;]+", row)}, column


def test_a_source_is_read_without_a_trace(tmp_path: Path) -> None:
    folder = example(tmp_path / "shop")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    folder.chmod(0o555)
    try:
        load(warehouse_in_memory(), folder)
    finally:
        folder.chmod(0o755)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    shutil.rmtree(folder)
