"""Everything on one box, until Ctrl-C: Prefect's server, the deployments with their schedules, and a worker.

``recengine serve`` calls this. A child that dies is started again. When this process itself dies, the kernel
signals its children, so that nothing is left behind and the next start finds the port free.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx
from filelock import FileLock, Timeout

from flows.server import auth, database, options
from flows.server.children import ended_with_parent
from flows.server.settings import POOL, ROOT, address_of, server_environment
from recengine.config import Home
from recengine.errors import BadInput, RecengineError

log = logging.getLogger("recengine.serve")

START_SECONDS = 180.0
STOP_SECONDS = 30.0
# A server that was killed with its box or its parent needs a moment to let go of the port.
PORT_SECONDS = 10.0
LOOK_SECONDS = 1.0
LITTLE_BYTES = 50_000_000
RESTART_SECONDS = 5.0


@dataclass
class Child:
    """A process of ours that should be running."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        """Start it in a process group of its own; its output goes to a file."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=ended_with_parent(signal.SIGTERM),
            )

    def ended(self) -> int | None:
        """Its exit status if it ended."""
        return self.process.poll() if self.process else None

    def stop(self) -> None:
        """End it and what it started: asked first, killed when it does not answer."""
        if self.process is None:
            return
        for signum in (signal.SIGTERM, signal.SIGKILL):
            _signal_group(self.process.pid, signum)
            if _until(lambda: not _group_lives(self.process), STOP_SECONDS):
                return


def serve(
    home: Home,
    host: str = "127.0.0.1",
    port: int = 4200,
    say: Callable[[str], None] = log.info,
    **night: str | None,
) -> None:
    """Run server, set-up and worker until SIGINT or SIGTERM.

    Parameters
    ----------
    home : Home
        Prefect's database, results and logs go to ``<home>/prefect``.
    host, port
        Where the server listens; a host that others reach needs an auth string.
    say : callable
        Gets each line meant for the person who started it.
    **night : str, optional
        ``source``, ``dataset``, ``cron`` and ``timezone`` of the scheduled night, and ``tune_cron`` of the tuning;
        remembered in the home.

    Raises
    ------
    BadInput
        The host is open without an auth string, the port is taken, or this home is being served already.
    RecengineError
        The server or the set-up failed; the sentence names the log.
    """
    chosen = server_environment(home, host, port)
    home.prefect.mkdir(mode=0o700, exist_ok=True)
    home.prefect.chmod(0o700)
    os.umask(0o077)
    if auth.SERVER in chosen:
        auth.file_of(home).unlink(missing_ok=True)
    else:
        chosen[auth.CLIENT] = auth.generated(home)
    just_set = options.remember(home, **night)
    with _only_one(home), _stop_signal() as stop:
        _wait_for_port(host, port, stop)
        server = Child("server", [sys.executable, "-m", "flows.server.process"], chosen,
                       home.prefect / "server.log")  # fmt: skip
        worker = Child("worker", [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL,
                                  "--type", "process"], chosen, home.prefect / "worker.log")  # fmt: skip
        address = address_of(host, port)
        try:
            say("Starting the Prefect server ...")
            if damaged := database.prepare(home):
                say(damaged)
            server.start()
            _wait_for_health(server, address, stop)
            if not stop.is_set():
                _set_up(chosen, just_set, stop)
            if not stop.is_set():
                worker.start()
                who = _ASKED if auth.SERVER in chosen else _OTHERS.format(file=auth.file_of(home))
                say(
                    _GREETING.format(
                        address=address, home=shlex.quote(str(home.root)), logs=home.prefect, who=who
                    )
                )
            _watch((server, worker), home, stop, say)
        finally:
            say("Stopping ...")
            (home.prefect / "api_url").unlink(missing_ok=True)
            worker.stop()
            server.stop()


_GREETING = """\
Prefect is at {address}
  Runs, schedules, artifacts:    open it in a browser; Deployments > nightly > Run > Custom run starts one now
  From a shell:                  recengine run --home {home} uses this server
  Who gets in:                   {who}
  Logs:                          {logs}/server.log and worker.log
The nightly flow and the tuning run by their schedules while this command runs. Ctrl-C stops everything."""


_OTHERS = "your own account, unasked; others are asked for what is in {file}"
_ASKED = "who knows PREFECT_SERVER_API_AUTH_STRING"

_LITTLE_SPACE = """\
The disk of {home} is nearly full ({megabytes:.0f} MB free): free some space. Runs fail or start late until then;
readers keep the published tables, and the next run after that needs no hand."""


@contextmanager
def _only_one(home: Home) -> Iterator[None]:
    try:
        with FileLock(home.prefect / "serve.lock", timeout=PORT_SECONDS):
            yield
    except Timeout:
        raise BadInput(f"{home.root} is being served already; stop that `recengine serve` first.") from None


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:
        stop.set()

    before = {signum: signal.signal(signum, on_signal) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _wait_for_port(host: str, port: int, stop: threading.Event) -> None:
    if not _until(lambda: stop.is_set() or _free(host, port), PORT_SECONDS):
        raise BadInput(f"Port {port} on {host} is in use; choose another one with --port.")


def _free(host: str, port: int) -> bool:
    try:
        family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise BadInput(f"There is no host {host!r} on this machine ({error}); use 127.0.0.1.") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
        except PermissionError:
            raise BadInput(f"Port {port} is reserved for root; choose one above 1023 with --port.") from None
        except OSError:
            return False
        return True


def _wait_for_health(server: Child, address: str, stop: threading.Event) -> None:
    def settled() -> bool:
        return stop.is_set() or server.ended() is not None or _healthy(address)

    if not _until(settled, START_SECONDS) or server.ended() is not None:
        raise RecengineError(f"The Prefect server did not start; {server.log} says why.")


def _healthy(address: str) -> bool:
    try:
        return httpx.get(f"{address}/api/health", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _set_up(chosen: dict[str, str], just_set: list[str], stop: threading.Event) -> None:
    command = [sys.executable, "-m", "flows.server.setup", "--before-worker", "--just-set", *just_set]
    with subprocess.Popen(
        command, cwd=ROOT, env=chosen, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True, preexec_fn=ended_with_parent(signal.SIGTERM),
    ) as process:  # fmt: skip
        output, _ = process.communicate()
    if process.returncode and not stop.is_set():
        raise RecengineError(f"The Prefect server could not be set up: {output.strip()[-2000:]}")


def _watch(
    children: tuple[Child, ...], home: Home, stop: threading.Event, say: Callable[[str], None]
) -> None:
    """Start again what ended, and say when the disk gets full, until told to stop."""
    roomy = True
    while not stop.wait(LOOK_SECONDS):
        was_roomy, roomy = roomy, (free := shutil.disk_usage(home.root).free) >= LITTLE_BYTES
        if was_roomy and not roomy:
            say(_LITTLE_SPACE.format(home=home.root, megabytes=free / 1e6))
        for child in children:
            status = child.ended()
            if status is not None:
                say(f"The {child.name} ended with status {status} ({child.log}); starting it again.")
                stop.wait(RESTART_SECONDS)
                if not stop.is_set():
                    child.start()


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition came true in time."""
    last = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > last:
            return False
        time.sleep(0.2)
    return True


def _signal_group(group: int, signum: signal.Signals) -> None:
    try:
        os.killpg(group, signum)
    except ProcessLookupError:
        return


def _group_lives(process: subprocess.Popen[bytes] | None) -> bool:
    if process is None:
        return False
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True
