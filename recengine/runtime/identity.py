"""Which code this is: what the same data and recipe give depends on it, whatever the release is called."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

LIBRARIES = ("torch", "numpy", "scipy", "numba", "duckdb")  # those that compute


@cache
def code_identity() -> str:
    """Hash of the engine's Python and SQL files and of the versions of its numerical libraries, 12 hex digits.

    All files count, although many decide nothing about tables: to run once more after an update that changed only
    a log line costs a night, to take an old model for a new one costs the truth. Read once per process.
    """
    digest = hashlib.sha256()
    for library in LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    for name, content in _sources(files("recengine"), ""):
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


def _sources(folder: Traversable, within: str) -> list[tuple[str, bytes]]:
    """Names and contents of the source files in a folder and below, in the order of their names."""
    sources: list[tuple[str, bytes]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir() and entry.name != "__pycache__":
            sources += _sources(entry, f"{within}{entry.name}/")
        elif entry.name.endswith((".py", ".sql")):
            sources.append((f"{within}{entry.name}", entry.read_bytes()))
    return sources
