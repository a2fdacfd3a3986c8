"""The command line: ``recengine run`` starts the nightly flow, the other commands call the engine directly.

Errors a user can cause end in one sentence on stderr and status 2. Prefect and torch are imported only by
the commands that need them, so that reading stays quick.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from recengine.errors import RecengineError

if TYPE_CHECKING:
    import typer

NEEDED = ("typer", "rich", "prefect", "fastapi", "sqlalchemy", "yaml")  # what the extra [flows] brings


def command_line() -> typer.Typer:
    """Every command; made here, because only the engine may be installed."""
    import typer

    from flows.cli.asking import Commands

    app = typer.Typer(
        name="recengine",
        cls=Commands,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for module in _modules():
        module.register(app)
    return app


def _modules() -> tuple[Any, ...]:
    """The modules with commands, in the order of the help."""
    from flows.cli import (
        alert,
        browse,
        config,
        data,
        evaluation,
        export,
        forget,
        front,
        night,
        plan,
        reading,
        report,
        serve,
        stages,
        tradeoff,
        tuning,
    )

    return (
        *(front, night, plan, stages, tuning, config, reading, browse, evaluation, tradeoff),
        *(data, report, alert, export, forget, serve),
    )


def main() -> None:
    """Run the command line; a user's mistake is one sentence and status 2."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        sys.stderr.write(
            f"The command recengine needs {', '.join(missing)}, and only the engine is installed; "
            "pip install 'recengine[flows]' brings the command line and the nightly flows.\n"
        )
        sys.exit(2)
    from flows.cli import console

    console.speak(logging.INFO)
    try:
        command_line()()
    except RecengineError as error:
        console.trace()
        console.complain(str(error))
        _forget(error)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        )
        if error.title.endswith("Config"):  # an option that its config refuses
            console.complain(f"{problems}; see --help.")
        else:  # a stored file that was not told from a whole one
            console.complain(
                f"A stored {error.title} cannot be read ({problems}); the next run makes it again."
            )
    except Exception as error:
        console.complain(_sentence_of(error))
        _forget(error)
    else:
        return
    sys.exit(2)


def _sentence_of(error: Exception) -> str:
    """What the system says of a full disk, of memory, or of a folder that may not be written; else it is a bug."""
    from recengine.runtime.space import space_error_of

    if sentence := space_error_of(error, Path(os.environ.get("RECENGINE_HOME", "."))):
        return str(sentence)
    if not isinstance(error, OSError):
        raise error
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        where = error.filename or "A folder that has to be written"
        return (
            f"{where}: {error.strerror}; let this account write there, or choose another folder with --home."
        )
    return f"{error.filename or 'The system'}: {error.strerror or error}."


def _forget(error: BaseException | None) -> None:
    """Clear the frames an error holds: a connection kept alive in them would complain at exit."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
