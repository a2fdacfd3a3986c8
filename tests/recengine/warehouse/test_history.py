"""The history and transactions have one home each in the sources."""

from __future__ import annotations

import re
from pathlib import Path

import recengine

ROOT = Path(recengine.__file__).parent
# The table a statement writes to may stand on the next line, or be filled in.
WRITES = re.compile(
    r"\b(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE|DELETE\s+FROM|TRUNCATE|MERGE\s+INTO|COPY)\s+ops\.|[\"']ops\.\w+[\"'],",
    re.IGNORECASE,
)


def files_with(pattern: re.Pattern[str]) -> set[str]:
    sources = (path for path in ROOT.rglob("*") if path.suffix in (".py", ".sql"))
    return {
        path.relative_to(ROOT).as_posix()
        for path in sources
        if pattern.search(re.sub(r"--.*|#.*", "", path.read_text(encoding="utf-8")))
    }


def test_only_the_history_writes_to_ops() -> None:
    """Migrations apart, which make its tables and note their own number."""
    writers = files_with(WRITES)
    assert "warehouse/history/loads.py" in writers
    elsewhere = {
        name
        for name in writers
        if not name.startswith(("warehouse/history/", "sql/history/", "sql/migrations/"))
    }
    assert elsewhere == {"warehouse/migrations.py"}


def test_only_transaction_begins_and_commits() -> None:
    speakers = files_with(re.compile(r"""["'](?:BEGIN|COMMIT|ROLLBACK)\b"""))
    assert speakers == {"warehouse/transaction.py"}
