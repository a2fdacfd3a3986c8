"""Which device a knob means, and that every stage that computes with tensors gets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from recengine import score, train
from recengine.config import Home
from recengine.errors import BadInput
from recengine.knobs.stages import ScoreConfig, TrainConfig
from recengine.models.popularity import Popularity
from recengine.models.sae import Sae
from recengine.runtime import devices
from recengine.warehouse.connection import warehouse


@pytest.mark.parametrize(("there", "auto"), [("cuda mps", "cuda"), ("mps", "mps"), ("", "cpu")])
def test_auto_takes_the_best_that_is_there(there: str, auto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in there)
    assert devices.resolved("auto") == auto
    assert devices.resolved("cpu") == "cpu"
    for name in {"cuda", "mps"} - set(there.split()):
        with pytest.raises(BadInput, match=f"no device '{name}' on this machine; choose one of auto, .*cpu"):
            devices.resolved(name)


def test_the_device_reaches_judging_fitting_and_scoring(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no other device here: what is asked of the models is noted, and done on the CPU."""
    [folder], asked, fit = home.snapshots.iterdir(), list[tuple[str, str]](), Popularity.fit

    def noting(self: Popularity, *given: Any, device: str = "none", **named: Any) -> Popularity:
        asked.append(("fit", device))
        return fit(self, *given, **named)

    def moved(self: Popularity, device: str) -> Popularity:
        asked.append(("score", device))
        return self

    monkeypatch.setattr(devices, "_is_there", lambda name: True)
    monkeypatch.setattr(Popularity, "fit", noting)
    monkeypatch.setattr(Popularity, "to", moved)
    config = TrainConfig(model="popularity", device="mps", judged_ratings=1001)
    done = train.train(home, folder, config, force=True)
    assert done.model_id is not None
    assert len(asked) >= 2
    assert set(asked) == {("fit", "mps")}
    asked.clear()
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, done.model_id, ScoreConfig(device="auto"))
    assert asked == [("score", "cuda")]


def test_a_network_moves_where_it_is_told(snapshot_folder: Path) -> None:
    from recengine.dataset import Snapshot

    model = Sae(Sae.Config(epochs=1)).fit(Snapshot.load(snapshot_folder))
    assert {tensor.device.type for tensor in model.to("meta")._net.state_dict().values()} == {"meta"}
