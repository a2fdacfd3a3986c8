"""Streamlit on this machine only, telling nobody of its use, over a home's published file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from flows.server.children import ended_with_parent
from recengine.config import Home
from recengine.errors import BadInput, NotReady
from recengine.serving.versions import current_version

PAGE = Path(__file__).with_name("page.py")
_CODE = Path(__file__).resolve().parents[2]
_OPTIONS = {
    "server.address": "127.0.0.1",
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
}


def browse(home: Home, port: int, opened: bool) -> int:
    """Show the page until Ctrl-C; returns the page's exit status.

    Parameters
    ----------
    home : Home
        Whose published file.
    port : int
        Of 127.0.0.1, where no other machine reaches it.
    opened : bool
        Whether a browser shows it at once.

    Raises
    ------
    BadInput
        Streamlit is not installed.
    NotReady
        Nothing is published.
    """
    if find_spec("streamlit") is None:
        raise BadInput("The page needs Streamlit; pip install 'recengine[browse]' brings it.")
    if current_version(home) is None:
        raise NotReady(f"Nothing is published under {home.root} yet", "run `recengine run` first")
    options = _OPTIONS | {"server.port": str(port), "server.headless": str(not opened).lower()}
    command = [sys.executable, "-m", "streamlit", "run", str(PAGE)]
    command += [f"--{name}={value}" for name, value in options.items()]
    path = os.pathsep.join(filter(None, (str(_CODE), os.environ.get("PYTHONPATH"))))
    # In the home, where no settings of somebody else's Streamlit lie.
    return subprocess.call(
        command,
        env=os.environ | {"PYTHONPATH": path, "RECENGINE_HOME": str(home.root)},
        cwd=home.root,
        preexec_fn=ended_with_parent(signal.SIGTERM),
    )
