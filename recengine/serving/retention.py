"""What is thrown away after a night: old models, judgements, history rows and Prefect's kept results.

Published versions and pages are pruned where they are made. A model that a kept version names always stays:
a rollback must find it.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from pathlib import Path

import duckdb
from pydantic import BaseModel

from recengine.config import Home
from recengine.knobs.stages import RetentionConfig
from recengine.models import store
from recengine.outcomes import lists
from recengine.serving.versions import versions
from recengine.warehouse.history import loads, models, publications, trials

log = logging.getLogger(__name__)

SECONDS_PER_DAY = 86_400


class RetentionReport(BaseModel):
    """What was removed."""

    models: list[str]
    unfinished: int
    history_rows: int
    files: int


def prune(con: duckdb.DuckDBPyConnection, home: Home, config: RetentionConfig) -> RetentionReport:
    """Remove what is older than the settings say."""
    report = RetentionReport(
        models=_models(con, home, config.models),
        history_rows=loads.prune(con, config.history_days)
        + publications.prune(con, config.history_days, versions(home))
        + trials.prune(con, config.history_days),
        unfinished=sum(map(_unfinished, _rooms(home))),
        files=_files(home.models / "judgements", config.results_days)
        + _files(home.prefect / "storage", config.results_days)
        + lists.prune(home, config.lists_days, versions(home)),
    )
    log.info(
        "retention: removed %s models, %s history rows, %s files",
        len(report.models),
        f"{report.history_rows:,}",
        f"{report.files:,}",
    )
    return report


def _models(con: duckdb.DuckDBPyConnection, home: Home, keep: int) -> list[str]:
    needed = publications.models_of(con, versions(home))
    gone = [m.model_id for m in store.stored(home)[keep:] if m.model_id not in needed]
    for model_id in gone:
        shutil.rmtree(home.models / model_id)
    models.remove(con, gone)
    return gone


def _rooms(home: Home) -> tuple[Path, ...]:
    """Folders in which something is written beside its name first (see ``recengine.runtime.durable``)."""
    judgements = home.models / "judgements"
    rooms = (home.models, judgements, home.snapshots, home.sources, home.reports, home.exports, home.prefect)
    return (home.root, home.lists, *rooms)


def _unfinished(folder: Path) -> int:
    """What a killed process was still writing, named ``.<name>.<thread id>.<process id>``."""
    leftovers = [path for path in folder.glob(".*.*") if not _lives(path.suffix[1:])]
    for path in leftovers:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return len(leftovers)


def _lives(pid: str) -> bool:
    if not pid.isdigit():
        return True  # not one of ours
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _files(folder: Path, days: int) -> int:
    oldest = time.time() - days * SECONDS_PER_DAY
    old = [path for path in folder.glob("*") if path.is_file() and path.stat().st_mtime < oldest]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
