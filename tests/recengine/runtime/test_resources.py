"""Cores and memory: the machine's, a container's, or what the user says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recengine.errors import BadInput
from recengine.runtime import resources

GIB = 1 << 30


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine of 8 cores and 16 GiB where we run in the control group pod/box, which has no limits yet."""
    monkeypatch.delenv(resources.THREADS, raising=False)
    monkeypatch.delenv(resources.MEMORY_LIMIT, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 16 * GIB // 4096}.get)
    own = tmp_path / "own"
    own.write_text("1:name=systemd:/\n0::/pod/box\n")
    monkeypatch.setattr(resources, "_OWN_CGROUP", own)
    monkeypatch.setattr(resources, "_CGROUPS", tmp_path / "cgroups")
    folder = tmp_path / "cgroups" / "pod" / "box"
    folder.mkdir(parents=True)
    return folder


def test_without_limits_it_is_the_machine(group: Path) -> None:
    assert (resources.cores(), resources.memory_bytes()) == (8, 16 * GIB)
    (group / "cpu.max").write_text("max 100000\n")
    (group / "memory.max").write_text("max\n")
    assert (resources.cores(), resources.memory_bytes()) == (8, 16 * GIB)


@pytest.mark.parametrize("level", ["box", "pod", "root"])
def test_the_tightest_limit_around_us_counts(level: str, group: Path) -> None:
    (group / "cpu.max").write_text("600000 100000\n")
    (group / "memory.max").write_text(f"{8 * GIB}\n")
    tight = {"box": group, "pod": group.parent, "root": group.parent.parent}[level]
    (tight / "cpu.max").write_text("150000 100000\n")
    (tight / "memory.max").write_text(f"{2 * GIB}\n")
    assert (resources.cores(), resources.memory_bytes()) == (2, 2 * GIB)


def test_half_a_core_is_one_thread(group: Path) -> None:
    (group / "cpu.max").write_text("50000 100000\n")
    assert resources.cores() == 1


def test_limits_of_other_groups_do_not_count(group: Path) -> None:
    other = group.with_name("other")
    other.mkdir()
    for folder in (other, group.parents[2]):  # a sibling, and a folder outside of all groups
        (folder / "cpu.max").write_text("100000 100000\n")
        (folder / "memory.max").write_text(f"{GIB}\n")
    assert (resources.cores(), resources.memory_bytes()) == (8, 16 * GIB)


@pytest.mark.parametrize("seen", ["/pod/box", "/"])
def test_a_container_of_control_groups_version_1(
    seen: str, group: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker's groups are named as the host sees them; below the controller lies what the container may see."""
    resources._OWN_CGROUP.write_text("7:cpu,cpuacct:/pod/box\n4:memory:/pod/box\n1:name=systemd:/pod/box\n")
    trees = {name: resources._CGROUPS / name / seen.removeprefix("/") for name in ("cpu", "memory")}
    for tree in trees.values():
        tree.mkdir(parents=True)
    (trees["cpu"] / "cpu.cfs_quota_us").write_text("-1\n")
    (trees["cpu"] / "cpu.cfs_period_us").write_text("100000\n")
    (trees["memory"] / "memory.limit_in_bytes").write_text("9223372036854771712\n")  # none
    assert (resources.cores(), resources.memory_bytes()) == (8, 16 * GIB)
    (trees["cpu"] / "cpu.cfs_quota_us").write_text("250000\n")
    (trees["memory"] / "memory.limit_in_bytes").write_text(f"{3 * GIB}\n")
    assert (resources.cores(), resources.memory_bytes()) == (3, 3 * GIB)


def test_a_system_without_control_groups(group: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_OWN_CGROUP", group / "missing")
    monkeypatch.setattr(resources, "_CGROUPS", group / "missing too")
    assert (resources.cores(), resources.memory_bytes()) == (8, 16 * GIB)


@pytest.mark.parametrize(("text", "size"), [("300MB", 300_000_000), ("2GiB", 2 * GIB), ("1048576", 1 << 20)])
def test_the_user_has_the_last_word(
    text: str, size: int, group: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (group / "cpu.max").write_text("100000 100000\n")
    monkeypatch.setenv(resources.THREADS, "12")
    monkeypatch.setenv(resources.MEMORY_LIMIT, text)
    assert (resources.cores(), resources.memory_bytes()) == (12, size)


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1.5"])
def test_threads_that_are_no_number(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(resources.THREADS, threads)
    with pytest.raises(BadInput, match=f"RECENGINE_THREADS is '{threads}'"):
        resources.cores()


@pytest.mark.parametrize("size", ["lots", "8 elephants"])
def test_memory_that_is_no_size(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(resources.MEMORY_LIMIT, size)
    with pytest.raises(BadInput, match="such as 8GB or 500MiB"):
        resources.memory_bytes()


def test_this_machine() -> None:
    assert 1 <= resources.cores() <= (os.cpu_count() or 1)
    assert resources.memory_bytes() > 1 << 20
