"""Every error a user of recengine can cause, in one place.

Each one holds its facts as attributes and reads as one sentence: what is wrong, where, what to do.
The command line prints that sentence and exits with status 2; a flow run shows it as its state message.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

_DATA = re.compile(r"\.(csv|tsv|txt|dat|data|item|user|base|test|train|parquet|zip|gz|toml)$", re.IGNORECASE)
_KIND = re.compile(r"\.[a-z0-9]{1,8}")


def legible(text: object) -> str:
    r"""A text or path that any program can take: bytes of a file's name that are not UTF-8 become ``\xff``."""
    return re.sub("[\ud800-\udfff]", lambda byte: f"\\x{ord(byte[0]) & 0xFF:02x}", str(text))


class RecengineError(Exception):
    """Base of all errors whose message is meant for the person who started the work."""

    def __init__(self, sentence: str = "") -> None:
        super().__init__(legible(sentence))


class BadInput(RecengineError):
    """An option or value that cannot be used."""


class BadKnob(BadInput):
    """A knob, by its dotted name, that there is not, or that does not take a value."""

    def __init__(self, knob: str, sentence: str) -> None:
        self.knob = knob
        super().__init__(sentence)


class UnknownLayout(RecengineError):
    """A folder or zip that is no MovieLens layout."""

    def __init__(
        self, source: Path, found: Sequence[str], missing: Mapping[str, Sequence[str]], begun: bool = True
    ) -> None:
        self.source, self.found, self.missing = source, list(found), dict(missing)
        seen = _seen(self.found, begun)
        wants = "; ".join(f"{layout} also needs {', '.join(files)}" for layout, files in self.missing.items())
        super().__init__(
            f"{source} is not a complete MovieLens folder: found {seen}; {wants}. "
            "Point --source at the folder or zip as GroupLens distributes it"
            + ("." if begun else ", or say in a dataset.toml beside your own files what they are.")
        )


def _seen(names: Sequence[str], named: bool) -> str:
    """Files of a folder in words: whoever may start a run need not be shown what lies in any folder of the box.

    Only names that look like data are told, and only where some of the files are a data set's (``named``).
    """
    told = [name for name in names if named and _DATA.search(name)]
    suffixes = (Path(name).suffix.lower() for name in names if name not in told)
    rest = Counter(suffix if _KIND.fullmatch(suffix) else "other" for suffix in suffixes)
    kinds = (f"{count:,} {kind}" for kind, count in rest.most_common(5))
    listed = ", ".join(told[:12]) + (" …" if len(told) > 12 else "")
    counted = (
        f"{rest.total():,} {'file' if rest.total() == 1 else 'files'} ({', '.join(kinds)})" if rest else ""
    )
    return " and ".join(filter(None, (listed, counted))) or "nothing"


class BadSource(RecengineError):
    """A source file that cannot be read as its layout says."""

    def __init__(self, path: Path | str, problem: str, remedy: str) -> None:
        self.path, self.problem, self.remedy = str(path), problem, remedy
        super().__init__(f"{path}: {problem}; {remedy}.")


class TooManyBadRows(RecengineError):
    """More rows went to quarantine than the load allows; nothing was changed.

    ``scale`` says by which scale the ratings were judged, and is told where that is what most rows failed by.
    """

    def __init__(
        self,
        bad: int,
        total: int,
        limit: float,
        reasons: Mapping[str, int],
        example: str,
        scale: str | None = None,
    ) -> None:
        self.bad, self.total, self.limit, self.reasons, self.example = (
            bad,
            total,
            limit,
            dict(reasons),
            example,
        )
        counts = ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.items())
        off_scale = sum(count for reason, count in self.reasons.items() if reason.startswith("rating "))
        other = f" (they were read by {scale}), say their scale with --scale," if 2 * off_scale > bad else ""
        super().__init__(
            f"{bad:,} of {total:,} rows ({bad / max(total, 1):.1%}) cannot be used, more than the allowed "
            f"{limit:.1%} ({counts}; first: {example}). The previous data stays; mend the files{other} or raise "
            "--max-bad-share."
        )


class WarehouseBusy(RecengineError):
    """Another process holds the warehouse's lock."""

    def __init__(self, path: Path, holder: str, waited_seconds: float) -> None:
        self.path, self.holder, self.waited_seconds = path, holder, waited_seconds
        super().__init__(
            f"{path} is in use by {holder} (waited {waited_seconds:.0f} s); wait for it to finish or "
            "stop it, then run again."
        )


class WarehouseTooNew(RecengineError):
    """The warehouse was written by a newer recengine."""

    def __init__(self, path: Path, version: int, known: int) -> None:
        self.path, self.version, self.known = path, version, known
        super().__init__(
            f"{path} has schema version {version}, newer than version {known} that this recengine knows; "
            "upgrade recengine or use another --home."
        )


class Damaged(RecengineError):
    """A stored file that is not what was written; a run sets it aside and makes it again."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(
            f"{path} is damaged ({problem}); the next `recengine run` sets it aside and makes it again."
        )


class OutOfMemory(RecengineError):
    """Work that does not fit the memory it may take; nothing stored is lost."""

    def __init__(self, limit_bytes: int, detail: str) -> None:
        self.limit_bytes, self.detail = limit_bytes, detail
        super().__init__(
            f"The work does not fit the memory it may take ({limit_bytes / 1e6:,.0f} MB{detail}) and was given up; "
            "what is stored stays. Raise RECENGINE_MEMORY_LIMIT or the limit of the process (ulimit -v, a "
            "container's), or use a machine with more."
        )


class DiskFull(RecengineError):
    """A write that found no space; what is published stays."""

    def __init__(self, folder: Path, free_bytes: int) -> None:
        self.folder, self.free_bytes = folder, free_bytes
        super().__init__(
            f"The disk of {folder} is full ({free_bytes / 1e6:.1f} MB free) and the work was given up; the "
            "published tables stay. Free some space, or move the folder and say where with --home, then run again."
        )


class NotFinite(BadInput):
    """A model whose scores or stars are infinite or not a number."""

    def __init__(self, model: str, what: str) -> None:
        self.model, self.what = model, what
        super().__init__(
            f"The model {model} gives {what} that are not finite; train it again with a lower learning rate "
            "or another seed."
        )


class NotReady(RecengineError):
    """A stage was asked for before the one it needs has run."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}; {remedy}.")


class AuditFailed(RecengineError):
    """A table about to be published broke a rule; what is published stays."""

    def __init__(self, failures: Mapping[str, str]) -> None:
        self.failures = dict(failures)
        listed = "; ".join(f"{audit}: {example}" for audit, example in self.failures.items())
        super().__init__(
            f"Nothing was published: a check of the new tables failed ({listed}). The previous tables stay; mend the "
            "rule or model that is named, else report it."
        )


class GuardFailed(RecengineError):
    """New tables that look broken next to the published ones."""

    def __init__(self, failures: Sequence[str]) -> None:
        self.failures = list(failures)
        super().__init__(
            f"Nothing was published: the new lists look broken beside the published ones. {' '.join(self.failures)} "
            "The previous tables stay; look at the data and the model, or publish with --force."
        )


class StillThere(RecengineError):
    """Something under the home still names a user who was to be forgotten."""

    def __init__(self, root: Path, places: Sequence[str]) -> None:
        self.root, self.places = root, list(places)
        super().__init__(
            f"Not everything is forgotten yet: under {root} the id still stands in {', '.join(self.places)}; stop "
            "what uses that, such as `recengine serve`, and run `recengine forget` again."
        )


class DownloadFailed(RecengineError):
    """A release could not be fetched or is not what it should be."""
