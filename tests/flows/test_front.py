"""Before any command: the greeting, the version, help by both names, and how much is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_command import run

from recengine.config import VERSION


def test_alone_it_greets_with_three_commands_that_exist() -> None:
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    commands = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("  recengine ")]
    assert len(commands) == 3
    known = run("-h").stdout
    assert all(f"\n  {command} " in known for command in commands)


def test_the_version_is_the_packages() -> None:
    assert run("--version").stdout == f"recengine {VERSION}\n"


def test_help_has_two_names_also_of_a_command() -> None:
    assert run("top", "-h").stdout == run("top", "--help").stdout != ""


def test_a_typing_error_is_answered_with_what_was_meant() -> None:
    done = run("satus")
    assert done.returncode == 2
    assert "Did you mean 'status'" in done.stderr


def test_completion_can_be_shown() -> None:
    assert "--install-completion" in run("--help").stdout


@pytest.mark.parametrize(("option", "lines"), [("--quiet", 0), (None, 1), ("--verbose", 1)])
def test_how_much_is_said(option: str | None, lines: int, tmp_path: Path) -> None:
    """A step is one line where nobody's terminal could break it, and none where quiet is wanted."""
    words = ["generate", str(tmp_path / "x"), "--users", "50", "--movies", "40", "--ratings", "1500"]
    done = run(*([option] if option else []), *words)
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert len(said) >= lines
    assert bool(said) is bool(lines)
    assert all(len(line.split()) > 1 for line in said), "a line broken in two"


def test_details_of_an_error_are_for_who_wants_them(tmp_path: Path) -> None:
    words = ["top", "1", "--home", str(tmp_path)]
    plain, detailed = run(*words), run("--verbose", *words)
    assert plain.returncode == detailed.returncode == 2
    assert "Traceback" not in plain.stderr
    assert "Traceback" in detailed.stderr
    assert detailed.stderr.splitlines()[-1] == plain.stderr.splitlines()[-1]


def test_quiet_and_verbose_exclude_each_other() -> None:
    done = run("--quiet", "--verbose", "status")
    assert done.returncode == 2
    assert "leave one out" in done.stderr
