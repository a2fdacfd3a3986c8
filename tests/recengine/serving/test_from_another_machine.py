"""docs/from-another-machine.md says the truth: what it shows is run, with places of the test for those it names."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from engine_homes import copy_of
from folder_servers import served

from recengine.config import Home
from recengine.serving import queries
from recengine.serving.exports import export_to, files
from recengine.serving.versions import current_version, path_of

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "from-another-machine.md").read_text(encoding="utf-8")
BLOCKS = [
    (kind, code)
    for section in PAGE.split("\n## ")
    for kind, code in re.findall(r"```(python|sql)\n(.*?)```", section, flags=re.DOTALL)
]
LIST = "SELECT rank, title FROM recommendations_detailed WHERE user_id = 1 ORDER BY rank"


def block(*words: str) -> str:
    """The one that has these words."""
    [code] = [code for _, code in BLOCKS if all(word in code for word in words)]
    return code


def ran(code: str, **places: str) -> dict[str, Any]:
    """The variables that a block of Python leaves, once its places are those of the test."""
    found: dict[str, Any] = {}
    for place in places.values():
        before, _, after = place.partition(" -> ")
        assert before in code
        code = code.replace(before, after)
    exec(code, found)
    return found


@pytest.fixture(scope="module")
def home(published_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with an export by ranges of few users."""
    made = copy_of(published_home, tmp_path_factory.mktemp("far") / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "ROWS_PER_FILE", 60)
        export_to(made, path_of(made, str(current_version(made))), f"parquet {made.root.parent}/recs")
    return made


@pytest.fixture(scope="module")
def exported(home: Home) -> Path:
    return home.root.parent / "recs"


@pytest.fixture(scope="module")
def top(home: Home) -> pd.DataFrame:
    return queries.sql(
        home, "SELECT rank, movie_id, title FROM recommendations_detailed WHERE user_id = 1 ORDER BY rank"
    )


def test_every_block_has_a_test() -> None:
    assert [kind for kind, _ in BLOCKS] == ["python", "python", "sql", "python", "python", "sql"]


def test_a_shared_folder(home: Home, top: pd.DataFrame, tmp_path: Path) -> None:
    """Mounted under another name, in another process, with nothing but what is shared."""
    mounted = tmp_path / "mnt"
    mounted.mkdir()
    shutil.copytree(home.serving, mounted / "serving")
    os.symlink(os.readlink(home.serving_link), mounted / "serving.duckdb")
    code = block("/mnt/recengine").replace("/mnt/recengine", str(mounted)) + "\nprint(top)\n"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == str([tuple(row) for row in top[["rank", "title"]].values.tolist()])


def test_an_export_by_its_index(exported: Path, top: pd.DataFrame) -> None:
    found = ran(block("/mnt/recs", "import pandas"), folder=f"/mnt/recs -> {exported}")
    assert found["top"]["movie_id"].tolist() == top["movie_id"].tolist()
    assert len(found["index"].query("table_name == 'recommendations'")) > 1, "otherwise any file would do"


def test_an_export_in_duckdb(exported: Path, top: pd.DataFrame) -> None:
    rows = duckdb.sql(block("FROM read_parquet").replace("/mnt/recs", str(exported))).fetchall()
    assert rows == [tuple(row) for row in top[["rank", "title"]].values.tolist()]


def test_an_export_over_http(exported: Path, top: pd.DataFrame) -> None:
    with served(exported) as (address, sent):
        found = ran(block("http://", "import pandas"), server=f"http://recs.example.org -> {address}")
    assert found["top"]["movie_id"].tolist() == top["movie_id"].tolist()
    assert len(sent) >= 2


@pytest.fixture
def bucket(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An S3 server of this machine, with an export."""
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed: pip install '.[s3]'")
    moto = pytest.importorskip("moto.server", reason="moto is not installed: pip install '.[dev]'")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    started = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    started.start()
    host, port = started.get_host_and_port()
    environment = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_CONFIG_FILE": str(tmp_path / "none")}
    environment |= {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "word",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    found = s3fs.S3FileSystem(use_listings_cache=False)
    if found.exists("bucket"):  # servers of one process share what they hold
        found.rm("bucket", recursive=True)
    found.mkdir("bucket")
    export_to(home, path_of(home, str(current_version(home))), "parquet s3://bucket/recs")
    yield
    started.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def test_an_export_in_a_bucket(home: Home, bucket: None) -> None:
    movies = ran(block("s3://"))["movies"]
    assert len(movies) == queries.sql(home, "SELECT count(*) AS n FROM movies")["n"][0]


def test_duckdb_over_http(home: Home, top: pd.DataFrame) -> None:
    install, *statements = block("INSTALL httpfs").split(";\n")
    assert install == "INSTALL httpfs"
    with duckdb.connect() as con, served(home.root) as (address, sent):
        try:
            con.execute(statements[0])
        except duckdb.Error as error:
            pytest.skip(f"the extension httpfs is not installed here: {str(error).splitlines()[0]}")
        con.execute(statements[1].replace("http://recs.example.org", address))
        rows = con.execute(statements[2]).fetchall()
    assert rows == [tuple(row) for row in top[["rank", "title"]].values.tolist()]
    assert sum(sent) < home.serving_link.stat().st_size
