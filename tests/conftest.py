"""Fixtures for all tests."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path

import pytest

# Before anything imports Prefect: kept results and settings of the tests stay out of the user's own.
os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="recengine-tests-prefect-")
os.environ["PREFECT_PROFILES_PATH"] = f"{os.environ['PREFECT_HOME']}/profiles.toml"
os.environ.pop("PREFECT_API_URL", None)
# Small tensors: more threads only wait for each other. Child processes inherit it.
os.environ["OMP_NUM_THREADS"] = os.environ["RECENGINE_THREADS"] = "1"
# A first night's tuning ends by the clock: what is tested elsewhere must not depend on it.
os.environ["RECENGINE_TUNE__FIRST_NIGHT"] = "0"


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder with the real datasets, from RECENGINE_DATASETS; skips where it is unset."""
    folder = os.environ.get("RECENGINE_DATASETS")
    if not folder:
        pytest.skip("RECENGINE_DATASETS is not set: it names the folder with ml-100k and ml-latest-small")
    return Path(folder)


_seconds: Counter[str] = Counter()
_tests: Counter[str] = Counter()
GROUPS_FROM = 20  # seconds: of a shorter run nobody asks where the time went


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count each test's time, fixtures included, for its folder."""
    folder = report.nodeid.split("::")[0].rpartition("/")[0]
    _seconds[folder] += report.duration
    _tests[folder] += report.when == "call"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the time of a long run went, slowest folder first."""
    if _seconds.total() < GROUPS_FROM:
        return
    terminalreporter.section("seconds by group")
    for folder, seconds in _seconds.most_common():
        terminalreporter.write_line(f"{seconds:7.1f} s  {_tests[folder]:5} tests  {folder}")
    terminalreporter.write_line(f"{_seconds.total():7.1f} s  {_tests.total():5} tests")
