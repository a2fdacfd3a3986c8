"""The scripts of docs/examples that read the published file, each run as its first line says."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from recengine.config import Home
from recengine.serving import queries

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
SCRIPTS = {
    "read_with_pandas": "pandas",
    "read_with_polars": "polars",
    "read_with_sqlalchemy": "duckdb_engine",
    "introspect": "duckdb",
}


@pytest.mark.parametrize(("script", "needs"), SCRIPTS.items(), ids=SCRIPTS)
def test_a_script_reads_what_is_published(script: str, needs: str, published_home: Home) -> None:
    if find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed")
    file = EXAMPLES / f"{script}.py"
    assert f"python {file.name} data/serving.duckdb" in file.read_text(encoding="utf-8").splitlines()[0]
    before = hashlib.sha256(published_home.serving_link.read_bytes()).hexdigest()
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", file, published_home.serving_link],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert hashlib.sha256(published_home.serving_link.read_bytes()).hexdigest() == before
    if script != "introspect":
        title = queries.sql(
            published_home,
            "SELECT title FROM recommendations_detailed GROUP BY title ORDER BY count(*) DESC, title LIMIT 1",
        )["title"][0]
        assert title in done.stdout or script == "read_with_pandas"
    else:
        assert "recommendations_detailed" in done.stdout
        assert "the source's id" in done.stdout
