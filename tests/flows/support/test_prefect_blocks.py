"""Secret blocks of Prefect as places where the address of an export is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.blocks.system import Secret

from flows.support.blocks import offer_blocks
from recengine.errors import BadInput
from recengine.runtime.addresses import looked_up
from recengine.serving import exports


def test_the_engine_is_told_what_a_block_holds(
    server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recengine.runtime.addresses._PLACES", {})
    exports.check(["parquet block:where-to"])  # what it holds is looked up where the export runs
    with pytest.raises(BadInput, match="No address can be kept in block: here"):
        looked_up("block:where-to")
    offer_blocks()
    with pytest.raises(BadInput, match="There is no Secret block 'where-to' that holds an address"):
        looked_up("block:where-to")
    Secret(value="postgresql://joe:hunter2@db/recs").save("where-to", _sync=True)
    assert looked_up("block:where-to") == "postgresql://joe:hunter2@db/recs"
