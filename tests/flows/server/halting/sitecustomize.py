"""On the path of a served worker in tests: a flow process halts right after a function, for a kill to find it.

The file RECENGINE_HALT_FILE names ``module:function``; the process takes it away when it got there, writes
``<file>.reached`` and waits for ``<file>.release``.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _halting(function: Callable[..., Any], file: Path) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = function(*args, **kwargs)
        if file.exists():
            file.unlink()
            Path(f"{file}.reached").touch()
            while not Path(f"{file}.release").exists():
                time.sleep(0.05)
        return given

    return wrapped


def _wait_for_module(module: str, function: str, file: Path) -> None:
    while not hasattr(sys.modules.get(module), function):
        time.sleep(0.005)
    time.sleep(0.2)  # until the module has run to its end
    setattr(sys.modules[module], function, _halting(getattr(sys.modules[module], function), file))


if (
    (_file := os.environ.get("RECENGINE_HALT_FILE"))
    and "prefect.engine" in sys.orig_argv
    and Path(_file).exists()
):
    _module, _function = Path(_file).read_text().split(":")
    threading.Thread(target=_wait_for_module, args=(_module, _function, Path(_file)), daemon=True).start()
