"""What a mistyped command line is answered: the usage, and what was probably meant."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperGroup

from flows.cli.stopped import ends_on_interrupt
from recengine.runtime.near import choose

_NOT_A_CHOICE = re.compile(r"(?:Value error, )?'(?P<told>.*)' is not one of (?P<known>'.*')\.?")


class Commands(TyperGroup):
    """All commands; a choice that there is not is refused as the engine refuses its names."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            with ends_on_interrupt(lambda: ctx.invoked_subcommand):
                return super().invoke(ctx)
        except typer.BadParameter as error:
            if found := _NOT_A_CHOICE.fullmatch(error.message):
                known = re.findall(r"'([^']*)'", found["known"])
                error.message = f"there is no {found['told']!r}; {choose(found['told'], known)}"
            raise
