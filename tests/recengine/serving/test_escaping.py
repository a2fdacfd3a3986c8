"""One text, three places where it is shown: nothing in it acts anywhere."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from recengine.serving.escaping import for_html, for_markdown, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x07", "�[31mred�"),
        ("abc\u202etxt.exe", "abc�txt.exe"),  # would be read from right to left
        ("caf\udce9", "caf�"),  # a byte that was no UTF-8
        ("Amélie 東京 \u00a0\t|\n", "Amélie 東京 \u00a0\t|\n"),
    ],
)
def test_what_drives_a_terminal_or_turns_the_writing_is_replaced_everywhere(text: str, shown: str) -> None:
    assert printable(text) == for_html(text) == shown
    assert "�" not in shown or "�" in for_markdown(text)


def test_markdown_shows_its_own_signs_and_those_of_html() -> None:
    assert for_markdown("a|b *c* <b>\n# d") == r"a\|b \*c\* &lt;b&gt; \# d"


def test_html_leaves_markup_of_our_own_alone() -> None:
    svg = Markup("<svg>\x0c</svg>")
    assert for_html(svg) is svg
    assert for_html(None) == "None"
