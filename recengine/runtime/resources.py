"""What this process may use of the machine: the one place where numbers of threads and sizes of memory start.

A container's limits count, not the machine's size: a process that plans with more is stopped or killed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import ByteSize, TypeAdapter, ValidationError

from recengine.errors import BadInput

THREADS = "RECENGINE_THREADS"
MEMORY_LIMIT = "RECENGINE_MEMORY_LIMIT"

# Why no library: in a group whose parent may use one core of two (a systemd slice with CPUQuota=100%) joblib 1.6 and
# psutil 7.2 answered 2, and this 1. joblib's cpu_count reads the quota of the tree's root alone, which is our own
# group only where a container shows it as the root; psutil knows the machine's cores and memory, and no groups.
#
# Linux keeps the limits of a control group and of every group around it in files (cgroups(7)): version 2 in one
# tree, version 1 in a tree per controller, which a container sees from its own group on.
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


def cores() -> int:
    """Number of threads that can run at once, at least 1.

    ``RECENGINE_THREADS`` where set; else the cores this process is bound to, or the container's share of them
    if that is less, rounded up.

    Raises
    ------
    BadInput
        ``RECENGINE_THREADS`` is no positive number.
    """
    if asked := os.environ.get(THREADS):
        if not asked.isdecimal() or int(asked) < 1:
            raise BadInput(f"{THREADS} is {asked!r}; give a number of threads, such as 4.")
        return int(asked)
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([bound, *map(math.ceil, _cpu_shares())]))


def memory_bytes() -> int:
    """Bytes of memory that all of recengine's work together may take.

    ``RECENGINE_MEMORY_LIMIT`` where set ("8GB", "500MiB"); else the machine's memory, or the container's limit
    if that is less.

    Raises
    ------
    BadInput
        ``RECENGINE_MEMORY_LIMIT`` is no size.
    """
    if asked := os.environ.get(MEMORY_LIMIT):
        try:
            return int(TypeAdapter(ByteSize).validate_python(asked))
        except ValidationError:
            raise BadInput(f"{MEMORY_LIMIT} is {asked!r}; give a size, such as 8GB or 500MiB.") from None
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_memory_limits()])


def _cpu_shares() -> Iterator[float]:
    for group in _groups("cpu"):
        if (limit := group / "cpu.max").is_file():
            share, period = limit.read_text().split()
        elif (limit := group / "cpu.cfs_quota_us").is_file():
            share, period = limit.read_text().strip(), (group / "cpu.cfs_period_us").read_text()
        else:
            continue
        if share not in ("max", "-1"):
            yield int(share) / int(period)


def _memory_limits() -> Iterator[int]:
    for group in _groups("memory"):
        for limit in (group / "memory.max", group / "memory.limit_in_bytes"):
            if limit.is_file() and (size := limit.read_text().strip()) != "max":
                yield int(size)


def _groups(controller: str) -> Iterator[Path]:
    """Our control group and every group around it that we can see."""
    lines = _OWN_CGROUP.read_text().splitlines() if _OWN_CGROUP.is_file() else []
    for line in lines or ["0::/"]:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = _CGROUPS / controller if controllers else _CGROUPS  # version 2 names no controllers
        group = root / path.removeprefix("/")
        yield from (level for level in (group, *group.parents) if level.is_relative_to(root))
