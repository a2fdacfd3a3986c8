"""The page of all knobs, and the list that ``recengine config`` prints."""

from __future__ import annotations

from pathlib import Path

from recengine.knobs.listing import rows
from recengine.knobs.page import text
from recengine.knobs.sources import in_force
from recengine.models.registry import MODELS, kind_of

PAGE = Path(__file__).parents[3] / "docs" / "knobs.md"


def test_the_page_is_what_the_configs_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == text(), "python -m recengine.knobs.page > docs/knobs.md"


def test_every_knob_in_force_is_listed_with_its_source(tmp_path: Path) -> None:
    found = in_force(tmp_path, ["train.model=ease", "train.knobs.biases.sweeps=7"], environment={})
    listed = {row["knob"]: row for row in rows(found, kind_of("ease").Config)}
    assert listed["train.model"]["value"] == '"ease"'
    assert (listed["train.knobs.biases.sweeps"]["value"], listed["train.knobs.biases.sweeps"]["from"]) == (
        "7",
        "--set",
    )
    assert (listed["train.knobs.ridge"]["value"], listed["train.knobs.ridge"]["from"]) == ("400.0", "default")
    assert "train.knobs.seed" not in listed
    assert all(len(row["description"]) > 10 for row in listed.values())


def test_every_knob_of_every_model_says_what_it_does(tmp_path: Path) -> None:
    found = in_force(tmp_path, environment={})
    for model in MODELS.values():
        for row in rows(found, model.Config):
            assert len(row["description"]) > 8, row["knob"]
