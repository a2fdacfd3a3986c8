"""Addresses and the places that hold them: a password in one is found, and never shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from recengine.config import refusal
from recengine.errors import BadInput
from recengine.knobs.exports import PATTERN
from recengine.knobs.sources import in_force
from recengine.knobs.stages import PublishConfig
from recengine.runtime.addresses import has_secret, looked_up, offer, shown

SECRETS = [
    "postgresql://joe:hunter2@db/recs",
    "postgresql://joe:hunter2@db:5432,other/recs?sslmode=require",
    "postgresql://joe:hun/ter2@db/recs",
    "postgresql://db/recs?user=joe&password=hunter2",
    "postgres://db/recs?sslpassword=hunter2",
    "s3://KEY:hunter2@bucket/prefix",
]
HARMLESS = [
    "postgresql://joe@db:5432/recs?sslmode=require&schema=lists",
    "postgresql:///recs",
    "postgresql://[::1]:5432/recs",
    "s3://bucket/prefix",
    "/mnt/a:b@c/recs",
    "env:DATABASE_URL",
]


@pytest.mark.parametrize("address", SECRETS)
def test_a_password_is_refused_and_not_repeated(address: str) -> None:
    assert has_secret(address)
    with pytest.raises(ValidationError) as refused:
        PublishConfig.model_validate({"exports": [f"postgres {address}"]})
    assert "PGPASSWORD" in (sentence := refusal(refused.value, PublishConfig))
    assert "hunter2" not in sentence
    with pytest.raises(BadInput, match="AWS_SECRET_ACCESS_KEY") as said:
        in_force(Path("/nowhere"), [f'publish.exports=["postgres {address}"]'])
    assert "hunter2" not in str(said.value)
    assert "hunter2" not in shown(address)


def test_a_form_itself_refuses_what_stands_before_the_host() -> None:
    """Whatever checks the field's pattern alone, before the run is stored."""
    for address in (SECRETS[0], SECRETS[1], SECRETS[5]):
        assert not re.search(PATTERN, f"postgres {address}"), address


@pytest.mark.parametrize("address", HARMLESS)
def test_what_holds_none_is_taken(address: str) -> None:
    assert not has_secret(address)
    assert PublishConfig.model_validate({"exports": f" postgres  {address} "}).exports == (
        f"postgres  {address}",
    )


def test_what_is_no_export_is_not_repeated_either() -> None:
    with pytest.raises(ValidationError) as refused:
        PublishConfig.model_validate({"exports": ["postgres host=db password=hunter2"]})
    assert "hunter2" not in refusal(refused.value, PublishConfig)


def test_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_DATABASE", "postgresql://joe:hunter2@db/recs")
    assert looked_up("env:OUR_DATABASE") == "postgresql://joe:hunter2@db/recs"
    assert looked_up("/mnt/env:x") == "/mnt/env:x"
    with pytest.raises(BadInput, match="can be kept in vault: here; name a place as env:NAME"):
        looked_up("vault:recs")
    monkeypatch.setattr("recengine.runtime.addresses._PLACES", {})
    offer("vault", lambda name: f"s3://bucket/{name}")
    assert looked_up("vault:recs") == "s3://bucket/recs"
