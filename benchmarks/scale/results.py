"""Measured once, kept as JSON: an interrupted run goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.scale.process import ROOT


@dataclass(frozen=True)
class Results:
    """A folder of figures, one JSON file per part and size, for one state of the code."""

    folder: Path

    def measured(self, part: str, size: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The stored figures of a part, measured now where there are none."""
        stored = self.stored(part, size)
        if stored is not None:
            return stored
        print(f"{part} at {size} ...", file=sys.stderr, flush=True)
        found = measure()
        self.folder.mkdir(parents=True, exist_ok=True)
        waiting = self.file(part, size).with_suffix(".part")
        waiting.write_text(json.dumps(found, indent=1))
        waiting.rename(self.file(part, size))
        short = {name: value for name, value in found.items() if isinstance(value, (int, float, str))}
        print(f"{part} at {size}: {short}", file=sys.stderr, flush=True)
        return found

    def stored(self, part: str, size: str) -> dict[str, Any] | None:
        """The stored figures, None where there are none."""
        file = self.file(part, size)
        if not file.exists():
            return None
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def file(self, part: str, size: str, kind: str = "json") -> Path:
        """Where a part's figures lie."""
        return self.folder / f"{size}-{part.replace(' ', '_').replace(',', '')}.{kind}"


def state_of_the_code() -> str:
    """The commit, and a hash of what is not committed."""
    commit = _git("rev-parse", "--short=12", "HEAD").decode().strip()
    changed = _git("diff", "HEAD", "--", "recengine", "flows", "benchmarks/scale")
    return commit + (f"-{hashlib.sha256(changed).hexdigest()[:8]}" if changed else "")


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout
