"""Text from the data as people see it: nothing in it acts on a page, a Markdown artifact or a terminal.

Used by the templates under ``templates/`` (`for_html`, on top of Jinja's autoescape), by the flows' artifacts
(`for_markdown`) and by whatever the command line prints (`printable`).
"""

from __future__ import annotations

import html
import re
from typing import Any

from markupsafe import Markup

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~])")


def printable(text: str) -> str:
    """Text without what could drive a terminal, turn its writing direction, or is no UTF-8."""
    return _CONTROLS.sub("�", text)


def for_html(value: Any) -> Any:
    """What a template prints: markup of our own as it is, everything else as printable text, yet to be escaped."""
    return value if isinstance(value, Markup) else printable(str(value))


def for_markdown(text: str) -> str:
    """Text that Markdown, the HTML in it and the cells of its tables show as it is written, on one line."""
    return _MARKDOWN.sub(r"\\\1", html.escape(printable(re.sub(r"\s", " ", text)), quote=False))
