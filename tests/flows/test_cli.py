"""The command line: what it prints, what it refuses, how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from stage_commands import start

from flows.cli import console
from flows.cli.night import show_published
from recengine.config import Home
from recengine.serving import runs

SMALL = ("--users", "40", "--movies", "60", "--ratings", "1000", "--seed", "7")


@dataclass
class Done:
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def recengine(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process and take what it prints."""

    def run(*arguments: object) -> Done:
        capfd.readouterr()
        return Done(start(*arguments), *capfd.readouterr())

    return run


def subprocess_of(*arguments: object, home: Path) -> Done:
    program = "from flows.cli import main; main()"
    env = os.environ | {"RECENGINE_HOME": str(home), "PYTHONPATH": os.getcwd(), "COLUMNS": "300"}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=env)
    return Done(done.returncode, done.stdout, done.stderr)


def assert_refused(done: Done, sentence: str) -> None:
    assert done.code == 2
    assert sentence in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert done.out == ""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The night by its stages, each in this process, on generated data."""
    root = tmp_path_factory.mktemp("cli")
    home, source = Home.at(root / "home"), root / "small"
    assert subprocess_of("generate", source, "--layout", "ml-1m", *SMALL, home=home.root).out == f"{source}\n"
    assert start("ingest", "--source", source, "--home", home.root) == 0
    for stage in (("features",), ("train", "--model", "popularity"), ("score", "--top-n", "4"), ("publish",)):
        assert start(*stage, "--home", home.root) == 0
    return home


def test_stages_publish(home: Home) -> None:
    with duckdb.connect(str(home.serving_link), read_only=True) as con:
        assert con.execute("SELECT dataset, users, recommendations FROM publication").fetchall() == [
            ("small", 40, 160)
        ]


def test_top(recengine: Run, home: Home) -> None:
    done = recengine("top", 1, "--home", home.root)
    assert done.code == 0
    assert "Recommendations for user 1" in done.out
    rows = json.loads(recengine("top", 1, "--n", 2, "--format", "json", "--home", home.root).out)
    assert [row["rank"] for row in rows] == [1, 2]
    assert isinstance(rows[0]["genres"], list)
    unknown = recengine("top", 999, "--format", "json", "--home", home.root)
    assert {row["source"] for row in json.loads(unknown.out)} == {"popular_movies"}
    assert "User 999 is not known" in unknown.err


@pytest.mark.parametrize("name", ["my home", "it's", 'say "home"', "$HOME `id`", "two\nlines"])
def test_what_the_run_prints_works_as_printed(
    home: Home, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).symlink_to(home.root)
    show_published(Home(tmp_path / name))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    python = lines[lines.index("import duckdb") :][:2]
    exec(f"{python[0]}\nfound = {python[1]}.fetchall()", found := {"found": []})
    assert len(found["found"]) == 5
    told = {
        "recengine top": tmp_path / name,
        "duckdb -readonly": tmp_path / name / "serving.duckdb",
    }
    for command, path in told.items():
        [line] = [line for line in lines if line.startswith(command)]
        words = subprocess.run(
            ["bash", "-c", f'printf "%s\\0" {line}'], capture_output=True, check=True
        ).stdout.split(b"\0")
        assert os.fsencode(path) in words


def test_a_user_may_be_negative(recengine: Run, home: Home) -> None:
    done = recengine("top", -5, "--n", 1, "--format", "json", "--home", home.root)
    assert json.loads(done.out)[0]["source"] == "popular_movies"


def test_csv_round_trips(recengine: Run, home: Home) -> None:
    query = "SELECT movie_id, title, year, genres FROM movies ORDER BY movie_id"
    rows = list(
        csv.DictReader(io.StringIO(recengine("sql", query, "--format", "csv", "--home", home.root).out))
    )
    with duckdb.connect(str(home.serving_link), read_only=True) as con:
        expected = con.execute(query).fetchall()
    found = [(int(r["movie_id"]), r["title"], int(r["year"]), json.loads(r["genres"])) for r in rows]
    assert found == expected


def test_sql_formats(recengine: Run, home: Home) -> None:
    query = """SELECT 1 AS a, 'x,"y' AS "[/b]", NULL AS c, 0.5::FLOAT AS d, 'nan'::DOUBLE AS e"""
    assert json.loads(recengine("sql", query, "--format", "json", "--home", home.root).out) == [
        {"a": 1, "[/b]": 'x,"y', "c": None, "d": 0.5, "e": None}
    ]
    table = recengine("sql", query, "--home", home.root)
    assert table.code == 0
    assert "[/b]" in table.out


def test_sql_refuses(recengine: Run, home: Home, tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    assert_refused(
        recengine("sql", f"COPY recommendations TO '{target}'", "--home", home.root), "Give one SELECT"
    )
    assert_refused(recengine("sql", "SELECT nope", "--home", home.root), "DuckDB refused the query")
    assert not target.exists()


def test_status(recengine: Run, home: Home) -> None:
    found = json.loads(recengine("status", "--format", "json", "--home", home.root).out)
    assert found["publication"]["recommendations"] == 160
    assert "ndcg@10" in found["publication"]["metrics"]
    assert recengine("status", "--home", home.root).code == 0


def test_status_tells_of_runs_that_failed(recengine: Run, home: Home, tmp_path: Path) -> None:
    shutil.copytree(home.root, tmp_path / "home", symlinks=True)
    for root in (tmp_path / "home", tmp_path / "new"):
        when = runs.now()
        told = runs.Run(
            name="nightly x #7", flow="nightly", outcome="Failed", began=when, ended=when, reason="No!"
        )
        root.mkdir(exist_ok=True)
        runs.note(Home.at(root), told)
    newest = json.loads(recengine("status", "--format", "json", "--home", tmp_path / "home").out)["runs"][0]
    assert (newest["name"], newest["outcome"], newest["reason"]) == ("nightly x #7", "Failed", "No!")
    assert "nightly x #7" in recengine("status", "--home", tmp_path / "home").out
    assert_refused(recengine("status", "--home", tmp_path / "new"), "nightly x #7, ended as Failed (No!)")


def test_status_says_whether_what_is_published_is_stale(recengine: Run, home: Home, tmp_path: Path) -> None:
    fresh = recengine("status", "--max-age", "26h", "--home", home.root)
    assert (fresh.code, fresh.out.count("\n")) == (0, 1)
    assert fresh.out.startswith("Fresh: version ")
    stale = recengine("status", "--max-age", "0.001m", "--home", home.root)
    assert (stale.code, stale.out.count("\n")) == (1, 1)
    assert stale.out.startswith("Stale: version ")
    as_json = recengine("status", "--max-age", "0.001m", "--format", "json", "--home", home.root)
    assert (as_json.code, json.loads(as_json.out)["stale"]) == (1, True)
    assert_refused(
        recengine("status", "--max-age", "yesterday", "--home", home.root), "'yesterday' is no age"
    )
    assert_refused(recengine("status", "--max-age", "1h", "--home", tmp_path), "Nothing is published")


def test_diff(recengine: Run, home: Home, tmp_path: Path) -> None:
    shutil.copytree(home.root, tmp_path / "home", symlinks=True)
    home = Home.at(tmp_path / "home")
    before = json.loads(recengine("status", "--format", "json", "--home", home.root).out)["version"]
    assert recengine("score", "--top-n", "3", "--home", home.root).code == 0
    after = recengine("publish", "--force", "--home", home.root).out.strip()
    found = json.loads(recengine("diff", "--format", "json", "--home", home.root).out)
    assert (found["before"], found["after"], found["rows"], found["overlap"]) == (before, after, 3, 1.0)
    assert json.loads(recengine("diff", before, "--format", "json", "--home", home.root).out) == found
    shown = recengine("diff", after, before, "--home", home.root).out
    assert "overlap" in shown
    assert "1.0000" in shown
    assert (
        recengine("diff", "--format", "csv", "--home", home.root).out == "change,movie_id,title,year,users\n"
    )
    assert_refused(
        recengine("diff", "1999", "--home", home.root), "There is no version '1999'; choose one of "
    )


def test_models(recengine: Run, home: Home) -> None:
    [row] = json.loads(recengine("models", "--format", "json", "--home", home.root).out)
    shown = recengine("models", "show", row["model_id"], "--format", "json", "--home", home.root)
    assert json.loads(shown.out)["model"] == "popularity"
    assert row["model_id"] in recengine("models", "show", row["model_id"], "--home", home.root).out
    assert_refused(recengine("models", "show", "nope", "--home", home.root), "No model 'nope' is stored")
    assert_refused(recengine("models", "show", "--home", home.root), "Say which model")


def test_rollback(recengine: Run, home: Home) -> None:
    first = recengine("status", "--format", "json", "--home", home.root)
    version = json.loads(first.out)["version"]
    assert_refused(recengine("rollback", "--home", home.root), "nothing to roll back to")
    newer = recengine("publish", "--home", home.root).out.strip()
    assert newer > version
    assert recengine("rollback", "--home", home.root).out.strip() == version
    assert recengine("rollback", newer, "--home", home.root).out.strip() == newer


def test_evaluate(recengine: Run, home: Home) -> None:
    source = home.root.parent / "small"
    done = recengine(
        *("evaluate", "--source", source, "--protocol", "random", "--model", "popularity"),
        *("--draws", 100, "--k", 10, "--format", "json", "--home", home.root),
    )
    found = json.loads(done.out)
    assert {"rmse", "mae", "rmse_mean_per_user", "ndcg@10", "precision@10", "recall@10", "map@10"} <= set(
        found
    )
    assert found["protocol"] == "random"


def test_evaluate_by_files_named_as_in_the_source(recengine: Run, home: Home, tmp_path: Path) -> None:
    source = home.root.parent / "small"
    lines = (source / "ratings.dat").read_text().splitlines(keepends=True)
    (source / "part.train").write_text("".join(lines[::2]))
    (source / "part.test").write_text("".join(lines[1::2]))
    done = recengine(
        *(
            "evaluate",
            "--source",
            source,
            "--protocol",
            "files",
            "--train",
            "part.train",
            "--test",
            "part.test",
        ),
        *("--model", "popularity", "--draws", 100, "--format", "json", "--home", tmp_path),
    )
    assert json.loads(done.out)["counts"]["test_ratings"] == 500
    only_one = recengine(
        "evaluate", "--source", source, "--protocol", "files", "--test", "part.test", "--home", tmp_path
    )
    assert_refused(only_one, "needs both --train FILE and --test FILE")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("status",), "Nothing is published under"),
        (("top", "1"), "Nothing is published under"),
        (("features",), "Nothing has been ingested yet; run `recengine ingest` first"),
        (("publish",), "Nothing has been scored yet; run `recengine score` first"),
        (("rollback",), "Nothing is published yet"),
        (("generate", "x", "--layout", "nonsense"), "There is no layout 'nonsense'"),
        (("generate", "x", "--users", "10", "--ratings", "5"), "5 ratings are too few"),
        (("evaluate", "--share", "7"), "share: Input should be less than 1"),
        (("ingest", "--dataset", "nonsense"), "There is no dataset 'nonsense'"),
        (("ingest", "--source", "/nowhere"), "/nowhere is no folder"),
        (("ingest", "--source", " ", "--dataset", "nonsense"), "There is no dataset 'nonsense'"),
        (("run", "--source", "", "--dataset", "nonsense"), "There is no dataset 'nonsense'"),
        (("evaluate", "--source", " '/nowhere' "), "Error: /nowhere is no folder"),
        (("evaluate", "--train", "", "--test", " ", "--protocol", "files"), "needs both --train FILE"),
        (("ingest", "--source", "https://a.example/b.zip"), "is an address, not a path"),
        (("generate", " "), "Missing argument"),
        (("train", "--model", "nonsense"), "There is no model 'nonsense'"),
        (("top", "abc"), "Input should be a valid integer"),
        (("top", "1", "--format", "xml"), "Invalid value for '--format'"),
        (("nonsense",), "No such command 'nonsense'"),
    ],
)
def test_mistakes_end_in_one_sentence(
    recengine: Run, arguments: tuple[str, ...], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    home = ("--home", tmp_path / "home") if arguments[0] not in ("generate", "nonsense") else ()
    assert_refused(recengine(*arguments, *home), sentence)


def test_unwritable_home_is_one_sentence(recengine: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert_refused(
        recengine("status", "--home", tmp_path / "file" / "home"), f"{tmp_path}/file/home (Not a directory)"
    )


def test_mistakes_as_a_program(tmp_path: Path) -> None:
    assert_refused(subprocess_of("status", home=tmp_path / "home"), "Nothing is published under")


EVIL = "\x1b]0;owned\x07\x1b[31mRed\x9b2J\u202etxt\x7f"


def test_titles_cannot_drive_a_terminal(home: Home, tmp_path: Path, recengine: Run) -> None:
    query = f"SELECT '{EVIL}' AS title"
    table = recengine("sql", query, "--home", home.root)
    assert "Red" in table.out
    for done in (table, recengine("sql", query, "--format", "json", "--home", home.root)):
        assert not set("\x1b\x07\x9b\u202e\x7f") & set(done.out)
    text = recengine("sql", query, "--format", "json", "--home", home.root).out
    assert json.loads(text) == [{"title": EVIL}]
    piped = recengine("sql", query, "--format", "csv", "--home", home.root)
    assert next(csv.DictReader(io.StringIO(piped.out)))["title"] == EVIL
    console.say(EVIL)
    assert console.printable("a\x1bb\nc") == "a�b\nc"


def real(name: str) -> Path:
    datasets = os.environ.get("RECENGINE_DATASETS")
    if not datasets:
        pytest.skip(f"RECENGINE_DATASETS is not set: it names the folder with {name}")
    return Path(datasets) / name


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "users", "title"),
    [("ml-100k", 943, "Toy Story (1995)"), ("ml-latest-small", 671, "Toy Story (1995)")],
)
def test_the_night_by_stages_on_real_data(
    recengine: Run, tmp_path: Path, name: str, users: int, title: str
) -> None:
    source, home = real(name), Home.at(tmp_path / "home")
    stages = (
        ("ingest", "--source", source),
        ("features",),
        ("train", "--model", "popularity"),
        ("score",),
        ("publish",),
    )
    for stage in stages:
        done = recengine(*stage, "--home", home.root)
        assert done.code == 0, done.err
    with duckdb.connect(str(home.serving_link), read_only=True) as con:
        assert con.execute("SELECT users, recommendations, dataset FROM publication").fetchall() == [
            (users, users * 10, name)
        ]
        [counts] = con.execute(
            "SELECT count(DISTINCT user_id), count(*) FROM recommendations_detailed"
        ).fetchall()
        assert counts == (users, users * 10)
        assert con.execute("SELECT movie_id FROM movies WHERE title = ?", [title]).fetchall() == [(1,)]
    assert len(json.loads(recengine("top", 1, "--format", "json", "--home", home.root).out)) == 10


def test_forget(home: Home, recengine: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(home.root, tmp_path / "home", symlinks=True)
    assert_refused(recengine("forget", 7, 7777, "--home", copy), f"No user 7777 is known under {copy}")
    done = recengine("forget", 7, "--home", copy)
    said = " ".join(done.err.split())
    assert (done.code, done.out) == (0, "")
    assert "Forgotten: user 7." in said
    assert " published versions, 1 models" in said
    assert "the source still has them" in said
    assert "User 7 is not known" in recengine("top", 7, "--home", copy).err
    assert recengine("forget", 7, "--undo", "--home", copy).code == 0
    assert_refused(recengine("forget", 7, "--undo", "--home", copy), "User 7 is not on the list")
