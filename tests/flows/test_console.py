"""What a person reads where there is no value: nothing, and no column of nothings."""

from __future__ import annotations

import io
import re
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from flows.cli import console
from flows.support.progress import heard_by, stage


def listed(stars: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "rank": [1, 2],
            "title": ["A", "nan"],
            "predicted_rating": np.float32(stars),
            "source": "recommendations",
        }
    )


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT])
def test_a_missing_value_is_an_empty_cell(missing: object) -> None:
    assert console._cell(missing) == ""
    assert console._cell("nan") == "nan"
    assert console._cell(np.float32(0.5)) == console._cell(0.5) == "0.5"


def test_lists_without_ratings_show_no_stars(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_list(listed([np.nan, np.nan]), "Popular movies")
    assert "predicted_rating" not in capsys.readouterr().out
    console.show_list(listed([4.5, np.nan]), "Recommendations")
    assert "4.5" in capsys.readouterr().out


def test_facts_are_read_one_by_one_and_rounded(capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"model": "ease", "metrics": {"ndcg@10": 0.45327606067841664, "mae": np.nan}, "sketch": "A" * 200}
    console.show_facts(facts, "table", "what")
    cells = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines()
    ]
    assert [row for row in cells if row] == [
        ["model", "ease"],
        ["metrics ndcg@10", "0.4533"],
        ["metrics mae", ""],
        ["sketch", f"{'A' * 80}…"],
    ]
    console.show_facts(facts, "csv", "what")
    assert "0.45327606067841664" in capsys.readouterr().out


@pytest.mark.parametrize("width", [60, 140])
def test_bars_stand_on_a_terminal_while_a_stage_runs(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=width, _environ={})
    monkeypatch.setattr(console, "err", terminal)
    with console.progress() as on_progress, heard_by(on_progress), stage("fit") as part:
        part("stars", 300, 1200)
        time.sleep(0.3)  # drawn ten times a second
    lines = [
        line for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*\w", "", screen.getvalue())) if line
    ]
    assert any(line.startswith("fit ") for line in lines)
    assert any(line.startswith("fit: stars") and "300/1200" in line for line in lines)
    assert max(map(len, lines)) <= width


def test_no_bar_is_drawn_off_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=screen, force_terminal=False))
    with console.progress() as on_progress, heard_by(on_progress), stage("fit") as part:
        part("stars", 300, 1200)
    assert screen.getvalue() == ""


def on_screen(written: str) -> list[str]:
    """The rows of a terminal after what was written to it."""
    rows, at = [""], 0
    for part in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if part == "\n":
            at += 1
            rows += [""] * (at == len(rows))
        elif up := re.fullmatch(r"\x1b\[(\d*)A", part):
            at -= int(up[1] or 1)
        elif part == "\x1b[2K":
            rows[at] = ""
        elif part[0] not in "\r\x1b":
            rows[at] += part
    return rows


def test_lines_and_bars_of_several_threads_do_not_overwrite_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.StringIO()
    screen = type(console.err)(file=written, force_terminal=True, width=100)
    monkeypatch.setattr(console, "err", screen)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with console.progress() as on_progress:

            def work(thread: int) -> None:
                for part in range(60):
                    on_progress(f"work {thread}: part {part}", 0, 7)
                    on_progress(f"work {thread}: part {part}", 7, 7)
                    screen.print(f"line {thread} {part}")

            threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(before)
    rows = on_screen(written.getvalue())
    assert sum(row.startswith("line ") for row in rows) == 240
    assert not [row for row in rows if "━" in row], "a bar stays on the screen"
