"""A run that could not be done, for the person who opens it: one sentence, and what to do next."""

from __future__ import annotations

from pathlib import Path

from recengine.config import Home
from recengine.errors import (
    AuditFailed,
    BadInput,
    BadSource,
    DiskFull,
    DownloadFailed,
    GuardFailed,
    OutOfMemory,
    RecengineError,
    TooManyBadRows,
    UnknownLayout,
    WarehouseBusy,
)
from recengine.runtime.space import space_error_of
from recengine.serving.escaping import for_markdown
from recengine.serving.versions import current_version

RETRY = "Press **Retry** on this run: of its finished tasks, what still stands is kept."
AGAIN = (
    "Press **Run > Custom run** on the deployment and fill in another value; this run's own stays as it is."
)

_NEXT: dict[type[RecengineError], tuple[str, ...]] = {
    TooManyBadRows: (
        "Look at the lines: `ops.quarantine` in `warehouse.duckdb` has file, line and reason of each.",
        f"Mend the files. {RETRY}",
        "Or let the load leave them out: raise *max bad share* in the form, or `--max-bad-share`.",
    ),
    WarehouseBusy: ("Wait until the other one has ended, or end it.", RETRY),
    DiskFull: ("Free some space on that disk; the folders below are the largest of the home.", RETRY),
    OutOfMemory: ("Give it more memory, or let nothing else of size run beside it.", RETRY),
    DownloadFailed: ("Look whether this machine reaches the network.", RETRY),
    GuardFailed: (
        "Look at the data: is it whole?",
        "If the new lists are right after all, run it again with *force* switched on.",
    ),
    AuditFailed: (
        "If a model or a rule of your own took part, it broke what the sentence names; mend it.",
        "Else this is a fault of recengine: keep `warehouse.duckdb` and report it.",
    ),
    BadSource: (f"Mend the file that is named. {RETRY}",),
    UnknownLayout: ("Look at what lies in the folder.", AGAIN),
    BadInput: (AGAIN, f"Or, where the files or the settings were at fault, mend them. {RETRY}"),
}
LARGEST = 5


def sentence_of(error: BaseException, home: Path) -> str | None:
    """What an expected error says; None for one that nobody expected, whose traceback is wanted."""
    if isinstance(error, RecengineError):
        return str(error)
    if isinstance(error, Exception) and (found := space_error_of(error, home)):
        return str(found)
    return None


def page(error: BaseException, sentence: str, home: Path) -> str:
    """The artifact: what happened, what readers see, what to do."""
    kind = next((kind for kind in _NEXT if isinstance(error, kind)), None)
    full = kind is DiskFull or isinstance(space_error_of(error, home), DiskFull)  # type: ignore[arg-type]
    steps = _NEXT[DiskFull] if full else _NEXT[kind] if kind else (f"Mend what it says. {RETRY}",)
    numbered = "\n".join(f"{n}. {step}" for n, step in enumerate(steps, 1))
    sizes = f"\n\n{_largest(home)}" if full else ""
    return (
        f"# {for_markdown(sentence)}\n\n**What readers see:** {standing(home)}.\n\n"
        f"## What to do\n\n{numbered}{sizes}"
    )


def standing(home: Path) -> str:
    """What readers have, in words."""
    version = current_version(Home(home))
    return f"version {version}, as before" if version else "nothing yet, as before"


def _largest(home: Path) -> str:
    sizes = {path.name: _bytes(path) for path in home.iterdir()} if home.is_dir() else {}
    rows = sorted(sizes.items(), key=lambda item: -item[1])[:LARGEST]
    lines = "\n".join(f"| {for_markdown(name)} | {size / 1e6:,.1f} |" for name, size in rows)
    return f"| in {for_markdown(str(home))} | MB |\n| --- | ---: |\n{lines}"


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())
