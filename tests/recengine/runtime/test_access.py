"""Who may read what in a home, whoever made it and with whatever mask."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import engine_homes
import pytest

from recengine import publish
from recengine.config import Home
from recengine.errors import BadInput
from recengine.runtime import access
from recengine.warehouse.connection import warehouse

READERS, STRANGER = 54_321, 65_534
PRIVATE = ("warehouse.duckdb", "snapshots", "models", "nights.json", "prefect")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can read as another account")


@pytest.fixture(autouse=True)
def strict_mask() -> Iterator[None]:
    """As under ``recengine serve`` and the service units."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def published(home: Home) -> Home:
    """The home with a publication, and all of its parts, made now."""
    (home.root / "nights.json").touch()
    home.prefect.mkdir(exist_ok=True)
    with warehouse(home.warehouse) as con:
        publish.publish(con, home)
    return home


def reads(path: Path, group: int) -> bool:
    """Whether a member of a group, and of nothing else, can read a file, or list a folder."""
    command = ["ls" if path.is_dir() else "cat", str(path)]
    done = subprocess.run(
        command, user=STRANGER, group=group, extra_groups=[], capture_output=True, check=False
    )
    return done.returncode == 0


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """Everybody reaches what lies in the folder of the test."""
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path


@needs_root
def test_readers_read_what_is_published_and_nothing_else(
    home: Home, open_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(access.GROUP, str(READERS))
    published(home)
    assert reads(home.serving_link, READERS)
    assert not reads(home.serving_link, STRANGER)
    for name in PRIVATE:
        assert not reads(home.root / name, READERS), name


@needs_root
@pytest.mark.parametrize("wide", [0o777, 0o750, 0o2775])
def test_private_parts_of_a_wide_home_are_private_again(home: Home, open_path: Path, wide: int) -> None:
    os.chown(home.root, -1, READERS)
    home.root.chmod(wide)
    published(home)
    for name in PRIVATE:
        (home.root / name).chmod(0o777)
    Home.at(home.root)
    assert mode(home.root) == wide, "a folder of somebody's own"
    assert reads(home.serving_link, READERS)
    for name in PRIVATE:
        assert not reads(home.root / name, READERS), name


@needs_root
def test_a_home_from_before_is_shared_when_it_is_opened(
    home: Home, open_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(home)
    for folder in (home.root, home.serving):
        folder.chmod(0o700)
    assert not reads(home.serving_link, READERS)
    monkeypatch.setenv(access.GROUP, str(READERS))
    Home.at(home.root)
    assert reads(home.serving_link, READERS)


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o000])
def test_a_new_home_lists_nothing_to_others(tmp_path: Path, mask: int) -> None:
    os.umask(mask)
    assert mode(Home.at(tmp_path / "new").root) == 0o710


def test_what_readers_see_has_their_modes(home: Home) -> None:
    published(home)
    assert (mode(home.serving), mode(home.serving_link.resolve())) == (0o750, 0o444)


def test_a_group_that_is_not_there_is_one_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(access.GROUP, "no-such-group")
    with pytest.raises(BadInput, match="There is no group 'no-such-group'"):
        published(home)


@needs_root
def test_an_account_outside_the_group_is_told(open_path: Path, scored_home: Home) -> None:
    home = engine_homes.copy_of(scored_home, open_path / "theirs")
    home.serving.mkdir()
    os.chown(home.serving, STRANGER, STRANGER)
    os.chown(home.root, STRANGER, STRANGER)
    code = f"import sys; sys.path[:] = {sys.path!r}\nfrom recengine.runtime import access\n" \
        f"from pathlib import Path\n" \
        f"import os; os.setgroups([]); os.setgid({STRANGER}); os.setuid({STRANGER})\n" \
        f"access.share(Path({str(home.root)!r}))"  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {access.GROUP: str(READERS)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "add this account to it, or name another in RECENGINE_READERS_GROUP" in done.stderr
