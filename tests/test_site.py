"""The pages as a site: built strictly, every page in it, and nothing fetched from elsewhere to read it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_FETCHED = re.compile(
    r"<(?:script|img|iframe)[^>]*\bsrc=[\"']?(?:https?:)?//|<link[^>]*\bhref=[\"']?(?:https?:)?//"
)


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="the extra [docs] is not installed")
def test_the_site_is_whole_and_read_without_a_network(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    pages = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")}
    sources = (path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md"))
    assert {path.as_posix() for path in sources} | {"repository/index.html"} <= pages
    for path in tmp_path.rglob("*.html"):
        assert not _FETCHED.search(path.read_text(encoding="utf-8")), path.name
    readme = (tmp_path / "repository" / "index.html").read_text(encoding="utf-8")
    assert "../operators.html" in readme
    assert "../browse.png" in readme
    script = (tmp_path / "operators.html").read_text(encoding="utf-8").find('<script src="iframe-worker.js">')
    assert script > 0, "without it the search has no worker in pages opened from files"
    assert (tmp_path / "search" / "search_index.js").read_text(encoding="utf-8").startswith("var __index = ")
