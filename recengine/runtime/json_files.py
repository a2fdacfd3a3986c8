"""Small JSON files of a home's own: private, replaced in one step, and never a reason for a night to end."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from recengine.runtime.durable import new_file

log = logging.getLogger(__name__)


def read_json(file: Path) -> dict[str, Any]:
    """What the file says; empty where it is missing or is no JSON object, which is said."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        content = None
    if not isinstance(content, dict):
        log.warning("%s cannot be read; it counts as empty", file)
        return {}
    return content


def write_json(file: Path, content: dict[str, Any]) -> None:
    """Replace the file in one step, for its owner only."""

    def private(path: str, flags: int) -> int:
        return os.open(path, flags, 0o600)

    with new_file(file) as staged, open(staged, "w", encoding="utf-8", opener=private) as output:
        json.dump(content, output, indent=2)
