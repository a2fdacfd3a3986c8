"""A Ray cluster whose workers, nodes and driver are killed while it fits and scores: the same bits as here."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from threading import Thread

import engine_homes
import pytest
from full_disks import fill, small_disk
from ray_clusters import (
    CONFIG,
    SLOW,
    Faulty,
    Kept,
    Nodes,
    driven,
    fitted,
    hashes,
    made_here,
    noted,
    until,
)

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.engine import cluster
from recengine.engine.base import NodesLost, ShardFailed
from recengine.engine.local import Local
from recengine.models import make
from recengine.models.spread import OverShards, Spread
from recengine.scoring.parts import OnEngine
from recengine.shards import files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'recengine[ray]'"
    ),
]

FIRST_SIX = [f"{shard:05d}" for shard in range(6)]


def test_a_worker_and_a_node_are_lost_while_scoring(
    nodes: Nodes, home: Home, folder: Path, tmp_path: Path
) -> None:
    model_id = engine_homes.trained(home, folder, "ease")
    here, began = made_here(home, folder, model_id), time.monotonic()
    scoring = Faulty(nodes.engine, tmp_path / "scoring", {1: "kill", 5: "wait"})
    lost = nodes.lose_the_node_of(scoring.marks / "05")
    made = OnEngine(scoring)(home, folder, model_id, CONFIG, ())
    lost.join()
    assert hashes(made.folders) == here
    assert len(here) == 9 * 3
    # Nine shards of users and nine ranges of movies, and the two that were killed.
    assert scoring.tries() == [2, 3, 2, 2, 2, 3, 2, 2, 2]
    noted("a worker at shard 1, a node at shard 5", "scoring", scoring.tries(), began, "the same bits")


def test_workers_and_a_node_are_lost_while_fitting(nodes: Nodes, folder: Path, tmp_path: Path) -> None:
    weights, began = fitted(folder), time.monotonic()
    fitting = Faulty(nodes.engine, tmp_path / "fitting", {1: "kill", 2: "full", 5: "wait"})
    lost = nodes.lose_the_node_of(fitting.marks / "05")
    assert fitted(folder, fitting) == weights
    lost.join()
    assert fitting.tries() == [2, 3, 3, 2, 2, 3, 2, 2, 2]  # two sums, of which the first met the faults
    what = "a worker at shard 1, an OSError at shard 2, a node at shard 5"
    noted(what, "fitting (two sums)", fitting.tries(), began, "the same bits")


def test_a_rank_is_lost_in_each_training_of_sae(nodes: Nodes, folder: Path, tmp_path: Path) -> None:
    snapshot, began = Snapshot.load(folder), time.monotonic()
    here, there = (make("sae", epochs=4, batch_size=16) for _ in range(2))
    training = Faulty(nodes.engine, tmp_path / "training", {})
    assert isinstance(there, OverShards)
    there.spread = Spread(training, folder)
    one, other = (model.fit(snapshot).score(snapshot, slice(None)) for model in (here, there))
    assert float((one - other).abs().max()) < 0.01 < float(one.std())  # stars
    assert [mark.read_text() for mark in sorted(training.marks.iterdir())] == ["xx", "xx"]
    noted(
        "a rank of two", "training sae (twice)", [2, 2], began, "predictions within .01 stars of those here"
    )


def test_the_driver_is_lost_while_scoring_and_what_is_done_stays(
    home: Home, folder: Path, tmp_path: Path
) -> None:
    model_id = engine_homes.trained(home, folder, "ease")
    here, began = made_here(home, folder, model_id), time.monotonic()
    script = f"""
        from pathlib import Path
        from ray_clusters import CONFIG, Faulty, Home, OnEngine, Ray
        engine = Faulty(Ray(num_cpus=1), Path({str(tmp_path / "marks")!r}), {{6: "wait"}})
        OnEngine(engine)(Home(Path({str(home.root)!r})), Path({str(folder)!r}), {model_id!r}, CONFIG, ())
    """
    with driven(script):
        until((tmp_path / "marks" / "06").exists, "the sixth shard's work")
    [room] = (folder / files.WORK).iterdir()
    rerun = Kept(Local(), room)
    made = OnEngine(rerun)(home, folder, model_id, CONFIG, ())
    assert rerun.kept == list(rerun.before) == FIRST_SIX
    assert hashes(made.folders) == here
    made.put_away()
    noted("the driver at shard 6", "scoring", [1] * 7, began, "run again: 0 to 5 kept, the same bits")


def test_the_driver_is_lost_while_fitting_and_what_is_done_stays(folder: Path, tmp_path: Path) -> None:
    weights, began = fitted(folder), time.monotonic()
    script = f"""
        from pathlib import Path
        from ray_clusters import Faulty, Ray, fitted
        fitted(Path({str(folder)!r}), Faulty(Ray(num_cpus=1), Path({str(tmp_path / "marks")!r}), {{6: "wait"}}))
    """
    with driven(script):
        until((tmp_path / "marks" / "06").exists, "the sixth shard's work")
    [room] = (folder / files.WORK).iterdir()
    rerun = Kept(Local(), room)
    assert fitted(folder, rerun) == weights
    assert rerun.kept == list(rerun.before) == FIRST_SIX
    assert list((folder / files.WORK).iterdir()) == []
    noted("the driver at shard 6", "fitting", [1] * 7, began, "run again: 0 to 5 kept, the same bits")


def test_a_straggler_is_waited_for_and_nothing_is_made_twice(
    nodes: Nodes, home: Home, folder: Path, tmp_path: Path
) -> None:
    model_id = engine_homes.trained(home, folder, "ease")
    here, began = made_here(home, folder, model_id), time.monotonic()
    scoring = Faulty(nodes.engine, tmp_path / "scoring", {4: "slow"})
    made = OnEngine(scoring)(home, folder, model_id, CONFIG, ())
    assert time.monotonic() - began > SLOW
    assert hashes(made.folders) == here
    assert scoring.tries() == [2] * 9  # shards of users, and ranges of movies
    noted(f"nothing, shard 4 takes {SLOW} s longer", "scoring", scoring.tries(), began, "the same bits")


def test_a_full_disk_names_its_shard_and_what_others_made_stays(
    nodes: Nodes, home: Home, folder: Path
) -> None:
    model_id = engine_homes.trained(home, folder, "ease")
    here, began = made_here(home, folder, model_id), time.monotonic()
    work = folder / files.WORK
    work.mkdir(exist_ok=True)
    with small_disk(work, megabytes=4):
        with (
            fill(work, free_kb=150),
            pytest.raises(ShardFailed, match=r"^Shard \d was tried 3 times and failed \(.*No space left"),
        ):
            OnEngine(nodes.engine)(home, folder, model_id, CONFIG, ())
        [room] = [room for room in work.iterdir() if room.name.startswith("lists-")]
        rerun = Kept(nodes.engine, room)
        assert 0 < len(rerun.before) < 9
        made = OnEngine(rerun)(home, folder, model_id, CONFIG, ())
        assert rerun.kept == list(rerun.before)
        assert hashes(made.folders) == here
        end = f"a sentence; with room again: {len(rerun.before)} of 9 kept, the same bits"
        noted("the disk is full", "scoring", [], began, end)


def test_a_cluster_that_has_lost_all_nodes_says_so(
    nodes: Nodes, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 5.0)
    began, fitting = time.monotonic(), Faulty(nodes.engine, tmp_path / "fitting", {1: "wait"})

    def lose() -> None:
        until((fitting.marks / "01").exists, "the first shard's work")
        nodes.lose_all()

    losing = Thread(target=lose)
    losing.start()
    with pytest.raises(NodesLost, match=r"^The Ray cluster has had no CPUs for \d+ s: its nodes are lost"):
        fitted(folder, fitting)
    losing.join()
    noted("both nodes", "fitting", [], began, "a sentence")


def test_a_driver_elsewhere_reaches_the_cluster_by_ray_client(
    nodes: Nodes, folder: Path, tmp_path: Path
) -> None:
    script = f"""
        from pathlib import Path
        from ray_clusters import Ray, fitted
        from recengine.errors import RecengineError
        engine = Ray("ray://127.0.0.1:{nodes.client_port}")
        for name, found in fitted(Path({str(folder)!r}), engine).items():
            (Path({str(tmp_path)!r}) / f"weights-{{name}}").write_bytes(found)
        try:
            engine.together(print, 1, Path({str(tmp_path)!r}))
        except RecengineError as problem:
            (Path({str(tmp_path)!r}) / "said").write_text(str(problem))
    """
    with driven(script) as driver:
        assert driver.wait(timeout=120) == 0
    for name, found in fitted(folder).items():
        assert (tmp_path / f"weights-{name}").read_bytes() == found
    assert (tmp_path / "said").read_text().startswith("Ray Train needs a driver that belongs to the cluster")
