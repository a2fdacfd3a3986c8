"""Readers in processes of their own hammer the link while versions come and go: no error, no mixture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from recengine import publish
from recengine.config import Home
from recengine.serving.versions import current_version
from recengine.warehouse.connection import warehouse

# Publication i has the time stamp 2000-01-01 + i seconds in every row, and scores 10 i - rank.
READER = """
import json, os, sys, time
from pathlib import Path
import duckdb

how, link, stop = sys.argv[1], sys.argv[2], Path(sys.argv[3])
os.nice(10)  # the publisher is to get on
one = {"threads": 1}
reads, seen, problems = 0, set(), []
kept = duckdb.connect(config=one) if how == "attach" else None
print("ready", flush=True)
while not (last := stop.exists()) or reads == 0:
    try:
        if kept is not None:
            con = kept
            con.execute(f"ATTACH '{link}' AS s (READ_ONLY)")
            con.execute("USE s")
        else:
            con = duckdb.connect(link, read_only=True, config=one)
        about = con.execute("SELECT version, generated_at, recommendations FROM publication").fetchall()
        if how == "slow":
            time.sleep(0.05)  # publications happen between the two queries
        rows = con.execute(
            "SELECT count(*), min(generated_at), max(generated_at), min(score + rank), max(score + rank), "
            "10 * epoch(min(generated_at) - TIMESTAMPTZ '2000-01-01 00:00:00+00') FROM recommendations_detailed"
        ).fetchall()
        [(version, at, expected)], [(count, first, last_at, low, high, marker)] = about, rows
        if not (count == expected and at == first == last_at and low == high == marker):
            problems.append(f"mixed: {about} {rows}")
        if kept is not None:
            con.execute("USE memory")
            con.execute("DETACH s")
        else:
            con.close()
        reads += 1
        seen.add(version)
        time.sleep(0.01)
    except Exception as error:
        problems.append(f"{type(error).__name__}: {error}")
        break
print(json.dumps({"reads": reads, "seen": sorted(seen), "problems": problems}))
"""


@pytest.mark.parametrize("publications", [12, pytest.param(50, marks=pytest.mark.slow)])
def test_no_error_and_no_mixed_version(home: Home, tmp_path: Path, publications: int) -> None:
    stop, made = tmp_path / "stop", []
    with warehouse(home.warehouse) as con:

        def publish_marked(i: int) -> None:
            con.execute("UPDATE scores.origin SET reasons = 'off'")
            con.execute("DELETE FROM scores.reasons")
            for table in ("recommendations", "recommendations_by_genre"):
                con.execute(f"UPDATE scores.{table} SET score = {10 * i} - rank")
            con.execute(
                f"UPDATE scores.origin SET generated_at = TIMESTAMP '2000-01-01' + INTERVAL {i} SECOND"
            )
            made.append(publish.publish(con, home, force=True).version)

        publish_marked(0)
        readers = [
            subprocess.Popen(
                [sys.executable, "-c", READER, how, str(home.serving_link), str(stop)],
                stdout=subprocess.PIPE,
                text=True,
            )
            for how in ("connect", "attach", "slow")
        ]
        assert [reader.stdout.readline() for reader in readers if reader.stdout] == ["ready\n"] * len(readers)
        for i in range(1, publications + 1):
            publish_marked(i)
    stop.touch()
    told = [json.loads(reader.communicate(timeout=60)[0]) for reader in readers]
    assert [reader["problems"] for reader in told] == [[]] * len(readers)
    assert set().union(*(reader["seen"] for reader in told)) <= set(made)
    assert all(len(reader["seen"]) >= 3 for reader in told), told
    assert current_version(home) == made[-1]
