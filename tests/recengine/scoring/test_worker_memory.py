"""A worker's memory: what a shard takes does not grow with how many users the others have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import engine_homes
import pytest

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.shards import files
from recengine.synthetic.generator import GeneratorConfig

pytestmark = pytest.mark.slow

SHARD = 50_000  # ratings
SCRIPT = """
    import json, sys, threading, time
    from pathlib import Path
    from recengine.config import Home
    from recengine.knobs.stages import ScoreConfig
    from recengine.models.popularity import counts_of
    from recengine.models.spread import Part, compute
    from recengine.scoring.parts import Part as Lists, make

    home, folder, model_id, room = Home(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])

    def own():
        return int(Path("/proc/self/status").read_text().partition("RssAnon:")[2].split()[0]) / 1e3

    most, done = [own()], threading.Event()

    def look():
        while not done.wait(0.005):
            most[0] = max(most[0], own())

    watch = threading.Thread(target=look)
    watch.start()
    compute(Part(counts_of, room / "fit", folder, 1))
    make(Lists(home, folder, model_id, ScoreConfig(genre_n=2), (), room / "lists", 1))
    done.set()
    watch.join()
    print(json.dumps(most[0]))
"""


def peak(root: Path, users: int) -> float:
    """Megabytes that are no mapped file, of a process that fits and scores the second shard."""
    home = Home.at(root / f"home-{users}")
    config = GeneratorConfig(layout="ml-100k", users=users, movies=1_000, ratings=50 * users, seed=7)
    folder = engine_homes.loaded(home, config)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"shard_ratings": SHARD}))
    files.write(Snapshot.load(folder), folder)
    model_id = engine_homes.trained(home, folder, "ease")
    room = root / f"room-{users}"
    (room / "fit").mkdir(parents=True)
    (room / "fit" / "plan.npz").write_bytes(b"PK\x05\x06" + bytes(18))  # a plan of nothing
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), home.root, folder, model_id, room],
        env=os.environ | {"RECENGINE_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return float(json.loads(found.stdout))


def test_ten_times_the_users_take_a_worker_no_more(tmp_path: Path) -> None:
    few, many = peak(tmp_path, 2_000), peak(tmp_path, 20_000)
    print(f"{few:.0f} MB with 2,000 users, {many:.0f} MB with 20,000")
    assert many < few + 12  # a few numbers a user, of which all are numbered
