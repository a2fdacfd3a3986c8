"""A typing error is answered with what was meant, wherever it is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_command import run

from flows.nightly import nightly
from recengine.errors import BadInput

TYPOS = {
    "satus": "Did you mean 'status'",
    "run --modle ease": "--model",
    "run --model hybird": "did you mean hybrid?",
    "run --dataset ml-100": "did you mean ml-100k?",
    "run --recency atuo": "did you mean auto?",
    "run --set train.holdout_shar=0.1": "did you mean holdout_share?",
    "run --set train.recency=atuo": "did you mean auto?",
    "run --export parqet": "did you mean parquet?",
    "top 1 --format jsn": "did you mean json?",
    "evaluate --protocol tempral": "did you mean temporal?",
    "tradeoff --switch diversty": "did you mean diversity?",
    "models shwo": "did you mean show?",
    "generate somewhere --layout ml1m": "did you mean ml-1m?",
    "download ml-100": "did you mean ml-100k?",
    "serve --timezone Europe/Berln": "did you mean Europe/Berlin?",
}


@pytest.mark.parametrize("typed", TYPOS)
def test_on_the_command_line(typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*typed.split())
    assert done.returncode == 2
    assert TYPOS[typed] in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("Error: ")]) == 1


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"modle": "ease"}, r"no field 'modle' in the form of nightly; did you mean model\?"),
        ({"model": "hybird"}, r"no model 'hybird'; did you mean hybrid\?"),
        ({"dataset": "ml-100"}, r"dataset is 'ml-100'; did you mean ml-100k\?"),
        ({"gate": {"metrc": "rmse"}}, r"There is no knob gate.metrc; did you mean metric\?"),
        ({"top_n": 0}, r"top_n is 0; it should be greater than or equal to 1"),
    ],
)
def test_in_a_form(parameters: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        nightly.validate_parameters(parameters)
