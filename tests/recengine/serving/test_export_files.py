"""Exports to a folder: ranges of users, index and manifest, csv as it is stated, a swap that readers never see."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from published_files import TITLES, VERSIONS, publish_by_hand

from recengine.config import Home
from recengine.errors import BadInput
from recengine.runtime import access
from recengine.serving import exports
from recengine.serving.exports import export_to, files
from recengine.serving.versions import path_of, remove


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with one file made by hand; files of an export hold about 40 rows."""
    monkeypatch.setattr(files, "ROWS_PER_FILE", 40)
    home = Home.at(tmp_path / "home")
    publish_by_hand(home, VERSIONS[0])
    return home


def exported(home: Home, form: str, root: Path, version: str = VERSIONS[0]) -> Path:
    export_to(home, path_of(home, version), f"{form} {root}")
    return root / form


def test_tables_of_users_are_split_by_ranges_and_indexed(own_home: Home, tmp_path: Path) -> None:
    folder = exported(own_home, "parquet", tmp_path / "shared")
    assert folder.is_symlink()
    with duckdb.connect(str(path_of(own_home, VERSIONS[0])), read_only=True) as con:
        index = con.sql(f"FROM '{folder}/index.parquet' WHERE table_name = 'recommendations'").fetchall()
        assert [(first, last, rows) for _, _, first, last, rows in index] == [
            (i * 7 - 5, (i + 9) * 7 - 5, 40) for i in range(0, 50, 10)
        ]
        for _, file, first, last, rows in index:
            users = con.sql(f"SELECT user_id FROM '{folder}/{file}'").fetchall()
            assert (users[0][0], users[-1][0], len(users)) == (first, last, rows)
            assert users == sorted(users)
        for table, where in {
            "recommendations": "recommendations/*.parquet",
            "reasons": "reasons/*.parquet",
            "users": "users.parquet",
            "movies": "movies.parquet",
        }.items():
            there = con.sql(f"FROM read_parquet('{folder}/{where}')").fetchall()
            assert there == con.sql(f"FROM {table}").fetchall(), table
        # a table of users without a row is a file with its columns
        assert con.sql(f"FROM '{folder}/reasons/*.parquet'").columns == ["user_id", "rank", "reason"]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_the_manifest_says_what_is_there(own_home: Home, tmp_path: Path, form: str) -> None:
    folder = exported(own_home, form, tmp_path / "shared")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["version"], manifest["model_id"], manifest["format"]) == (VERSIONS[0], "m-1", form)
    told = {file["file"]: file for table in manifest["tables"].values() for file in table["files"]}
    told[manifest["index"]["file"]] = manifest["index"]
    there = {
        path.relative_to(folder.resolve()).as_posix(): path for path in folder.resolve().rglob(f"*.{form}")
    }
    assert told.keys() == there.keys()
    for name, path in there.items():
        assert told[name]["bytes"] == path.stat().st_size
        assert told[name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    movies = manifest["tables"]["movies"]
    assert (movies["rows"], movies["comment"], movies["key"]) == (
        len(TITLES),
        "One row a movie's id",
        ["movie_id"],
    )
    assert movies["columns"][2] == {
        "name": "genres",
        "type": "VARCHAR[]",
        "nullable": True,
        "comment": "A list",
    }
    assert manifest["tables"]["recommendations"]["rows"] == 200
    assert ("csv" in manifest) == (form == "csv")


def test_csv_reads_back_as_it_is_stated(own_home: Home, tmp_path: Path) -> None:
    folder = exported(own_home, "csv", tmp_path / "shared")
    with (folder / "movies.csv").open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    titles = [row["title"] for row in rows]
    formulas = {"=1+1", "-30- (1959)", "+1", "@home", "\t tab"}
    assert titles == [f"'{title}" if title in formulas else title for title in TITLES]
    assert [json.loads(row["genres"]) for row in rows] == [[title, "Drama", None] for title in TITLES]
    assert json.loads(rows[0]["categories"]) == {"director": ['O\'Neil "x"']}
    assert rows[0]["mean_rating"] == ""
    lines = (folder / "movies.csv").read_bytes().decode()
    assert ',"",' in lines, "an empty text differs from nothing"
    assert not lines.startswith("\ufeff")
    assert "2020-01-01 00:00:00+00" in (folder / "users.csv").read_text()
    # numbers below zero are no text
    assert (folder / "users.csv").read_text().splitlines()[1].startswith("-5,")


def test_a_new_version_takes_the_link_and_the_old_folder_goes_with_its_file(
    own_home: Home, tmp_path: Path
) -> None:
    root = tmp_path / "shared"
    link = exported(own_home, "parquet", root)
    held = link.resolve()
    publish_by_hand(own_home, VERSIONS[1])
    exported(own_home, "parquet", root, VERSIONS[1])
    assert link.resolve().name == f"parquet-{VERSIONS[1]}"
    assert json.loads((held / "manifest.json").read_text())["version"] == VERSIONS[0], "who reads it goes on"
    remove(path_of(own_home, VERSIONS[0]))
    exported(own_home, "parquet", root, VERSIONS[1])  # once more, as after a user was forgotten
    assert link.resolve().name == f"parquet-{VERSIONS[1]}-2"
    exported(own_home, "parquet", root, VERSIONS[1])
    names = ["parquet", f"parquet-{VERSIONS[1]}-2", f"parquet-{VERSIONS[1]}-3"]
    assert sorted(path.name for path in root.iterdir()) == names


def test_what_is_not_ours_in_the_folder_stays(own_home: Home, tmp_path: Path) -> None:
    root = tmp_path / "shared"
    (root / "parquet-old").mkdir(parents=True)
    exported(own_home, "parquet", root)
    assert (root / "parquet-old").is_dir()
    (tmp_path / "other" / "csv").mkdir(parents=True)
    with pytest.raises(BadInput, match="is no link of an export's; remove it"):
        exported(own_home, "csv", tmp_path / "other")


def test_who_may_read_the_folder_may_read_the_files(
    own_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "umask", lambda mask: mask)
    root = tmp_path / "shared"
    root.mkdir(mode=0o755)
    root.chmod(0o755)
    folder = exported(own_home, "parquet", root).resolve()
    assert folder.stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o644}
    root.chmod(0o700)
    folder = exported(own_home, "csv", root).resolve()
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*"))} == {0}
    monkeypatch.setenv(access.GROUP, str(os.getgid()))
    assert exported(own_home, "csv", tmp_path / "new").parent.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("parquet postgresql://host/db", "there is no file system postgresql://"),
        ("csv shared", "write the folder's whole path"),
        ("parqet /mnt", "did you mean parquet"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_done(name: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        exports.check([name])
    exports.check(["parquet", "csv /mnt/recs", "parquet env:WHERE"])


def test_an_address_may_be_kept_in_the_environment(
    own_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="variable WHERE_TO, which should hold an address, is not set"):
        export_to(own_home, path_of(own_home, VERSIONS[0]), "csv env:WHERE_TO")
    monkeypatch.setenv("WHERE_TO", str(tmp_path / "there"))
    export_to(own_home, path_of(own_home, VERSIONS[0]), "csv env:WHERE_TO")
    assert (tmp_path / "there" / "csv" / "movies.csv").exists()


# A process of its own that stands still where it is told to, to be killed there.
KILLED = """
import os, sys, time
from pathlib import Path
from recengine.config import Home
from recengine.runtime import durable
from recengine.serving.exports import export_to, files
from recengine.serving.versions import path_of

def halt(*_, **__):
    print("stands", flush=True)
    time.sleep(60)

stage, home, version, root = sys.argv[1:]
if stage == "while writing":
    described = files._copy
    copies = iter(range(3))
    files._copy = lambda *told: described(*told) if next(copies, None) is not None else halt()
elif stage == "before the folder's name":
    durable.seal = halt
else:
    durable.point = halt
export_to(Home(Path(home)), path_of(Home(Path(home)), version), f"parquet {root}")
"""


@pytest.mark.parametrize("stage", ["while writing", "before the folder's name", "before the link"])
def test_killed_in_the_middle_readers_keep_the_old_files_and_the_next_export_just_works(
    own_home: Home, tmp_path: Path, stage: str
) -> None:
    root = tmp_path / "shared"
    link = exported(own_home, "parquet", root)
    publish_by_hand(own_home, VERSIONS[1], score=2.0)
    told = [sys.executable, "-c", KILLED, stage, str(own_home.root), VERSIONS[1], str(root)]
    path = os.pathsep.join(part for part in sys.path if part)
    with subprocess.Popen(
        told, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stands\n"
        process.send_signal(signal.SIGKILL)
    best = f"SELECT count(*), max(score) FROM read_parquet('{link}/recommendations/*.parquet')"
    assert json.loads((link / "manifest.json").read_text())["version"] == VERSIONS[0]
    assert duckdb.sql(best).fetchall() == [(200, 1.0)]
    exported(own_home, "parquet", root, VERSIONS[1])
    assert json.loads((link / "manifest.json").read_text())["version"] == VERSIONS[1]
    assert duckdb.sql(best).fetchall() == [(200, 2.0)]
    left = {path.name for path in root.iterdir()}
    assert left == {"parquet", f"parquet-{VERSIONS[0]}", link.resolve().name}
