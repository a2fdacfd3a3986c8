"""Small JSON files of a home's own: private, replaced in one step, and never a reason for a night to end."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from recengine.versions import sync

log = logging.getLogger(__name__)


def read_json(file: Path) -> dict[str, Any]:
    """What the file says; empty where it is missing or is no JSON object, which is said."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        log.warning("%s cannot be read; it counts as empty", file)
        return {}
    return found


def write_json(file: Path, content: dict[str, Any]) -> None:
    """Replace the file in one step, for its owner only."""
    staged = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        json.dump(content, output, indent=2)
        output.flush()
        os.fsync(output.fileno())
    staged.replace(file)
    sync(file.parent)
