"""The command ``recengine`` where only the engine is installed."""

from __future__ import annotations

import subprocess
import sys


def run(*arguments: str, missing: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, in which some libraries cannot be found."""
    code = f"import sys; sys.modules.update(dict.fromkeys({missing})); from flows.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


def test_without_its_libraries_one_sentence_says_what_to_install() -> None:
    done = run("top", "1", missing=("typer", "prefect"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "The command recengine needs typer, prefect, and only the engine is installed; "
        "pip install 'recengine[flows]' brings the command line and the nightly flows.\n"
    )


def test_with_them_it_runs() -> None:
    done = run("--help")
    assert done.returncode == 0, done.stderr
    assert "evaluate" in done.stdout
