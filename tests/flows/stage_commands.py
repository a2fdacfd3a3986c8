"""The command line in this process, as the program runs it."""

from __future__ import annotations

import sys

import pytest

from flows import cli


def start(*arguments: object) -> int:
    """Run the command line in this process, as the program does; returns its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["recengine", *map(str, arguments)])
        patch.setenv("RECENGINE_HOME", "")  # the commands set it; take it back afterwards
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return int(ended.value.code or 0)
