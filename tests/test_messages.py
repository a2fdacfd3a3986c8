"""The page of messages is what the code says, and every message is a sentence that says what to do."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "messages.md"


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """What the page is made by."""
    return runpy.run_path(str(PAGE.with_suffix(".py")))


def test_the_page_is_as_the_code(made: dict[str, Any]) -> None:
    assert PAGE.read_text(encoding="utf-8") == made["page"](), "python docs/messages.py > docs/messages.md"
    assert sum(map(len, made["sentences"]().values())) > 200


def test_every_message_reads_as_a_sentence(made: dict[str, Any]) -> None:
    for heading, told in made["sentences"]().items():
        for text in told:
            assert re.search(r"[.)⟩]$", text), f"{heading}: {text}"
            assert "  " not in text
            assert not re.search(r"\b(please|sorry|oops|invalid|illegal|null)\b", text, re.IGNORECASE), text


def test_parts_of_a_message_are_put_together(made: dict[str, Any]) -> None:
    code = """
AGAIN = "fetch it again"
raise BadSource(self.path, f"holds {len(both):,} files" + " of two", AGAIN)
raise BadInput(f"There is no {what} {name!r}; {choose(name, known)}") from None
raise ValueError("not for people")
"""
    assert list(made["Module"](ast.parse(code)).said()) == [
        "⟨path⟩: holds ⟨both⟩ files of two; fetch it again.",
        "There is no ⟨what⟩ ⟨name⟩; ⟨what there is, or what was probably meant⟩",
    ]
