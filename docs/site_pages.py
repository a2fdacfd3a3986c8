"""The site's pages are those of the repository: what lies beside docs/ is in it too, and links lead there.

A hook of MkDocs, which ``mkdocs.yml`` names.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import relpath
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BESIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/RESULTS.md", "benchmarks/results/*")
_LINK = re.compile(r"\]\(([^)#\s]+)((?:#[^)]*)?)\)")


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """Add what lies beside docs/, under repository/."""
    from mkdocs.structure.files import File

    for pattern in BESIDE:
        for path in sorted(ROOT.glob(pattern)):
            place = f"repository/{path.relative_to(ROOT).as_posix()}"
            files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A page whose links lead to the site's places of the files that they name in the repository."""
    place = page.file.src_uri
    source = (
        ROOT / place.removeprefix("repository/") if place.startswith("repository/") else ROOT / "docs" / place
    )
    return _LINK.sub(lambda found: f"]({_led(found[1], source, place)}{found[2]})", markdown)


def _led(link: str, source: Path, place: str) -> str:
    target = (source.parent / link).resolve()
    if "://" in link or not target.is_file():
        return link
    inside = target.is_relative_to(ROOT / "docs")
    there = target.relative_to(ROOT / "docs") if inside else Path("repository") / target.relative_to(ROOT)
    return relpath(there.as_posix(), Path(place).parent.as_posix())
