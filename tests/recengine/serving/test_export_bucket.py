"""Exports to a bucket of a local S3 server: whole versions, and a pointer that is written last."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from published_files import VERSIONS, publish_by_hand

from recengine.config import Home
from recengine.errors import BadInput
from recengine.serving import exports
from recengine.serving.exports import export_to, files, objects
from recengine.serving.versions import path_of, remove

s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed: pip install '.[s3]'")
moto = pytest.importorskip("moto.server", reason="moto is not installed: pip install '.[dev]'")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 server on this machine."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    started = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    started.start()
    host, port = started.get_host_and_port()
    yield f"http://{host}:{port}"
    started.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A file system with an empty bucket; the environment says where and as whom, as in production."""
    environment = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(files, "ROWS_PER_FILE", 40)
    s3fs.S3FileSystem.clear_instance_cache()
    found = s3fs.S3FileSystem(use_listings_cache=False)
    if found.exists("bucket"):
        found.rm("bucket", recursive=True)
    found.mkdir("bucket")
    return found


@pytest.fixture
def own_home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "home")
    publish_by_hand(home, VERSIONS[0])
    return home


def exported(home: Home, version: str = VERSIONS[0], form: str = "parquet") -> None:
    export_to(home, path_of(home, version), f"{form} s3://bucket/recs")


def latest(bucket: Any, form: str = "parquet") -> dict[str, str]:
    told: dict[str, str] = json.loads(bucket.cat_file(f"bucket/recs/{form}/latest.json"))
    return told


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_every_file_is_there_as_the_manifest_says(own_home: Home, bucket: Any, form: str) -> None:
    exported(own_home, form=form)
    told = latest(bucket, form)
    assert told["version"] == VERSIONS[0]
    written = bucket.cat_file(f"bucket/recs/{form}/{told['manifest']}")
    assert hashlib.sha256(written).hexdigest() == told["sha256"]
    manifest = json.loads(written)
    listed = [file for table in manifest["tables"].values() for file in table["files"]]
    assert len(listed) == 9
    for file in [*listed, manifest["index"]]:
        content = bucket.cat_file(f"bucket/recs/{form}/{told['folder']}/{file['file']}")
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
    assert not list(own_home.exports.iterdir()), "nothing of it stays here"


async def gone(*told: Any, **more: Any) -> None:
    raise OSError("gone")


def test_the_pointer_is_written_last_and_old_versions_go(
    own_home: Home, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(own_home)
    publish_by_hand(own_home, VERSIONS[1])
    with monkeypatch.context() as broken:
        broken.setattr(s3fs.S3FileSystem, "_pipe_file", gone)
        with pytest.raises(BadInput, match=r"Nothing could be exported to s3://bucket/recs .OSError: gone"):
            exported(own_home, VERSIONS[1])
    assert latest(bucket)["version"] == VERSIONS[0]
    assert bucket.exists(f"bucket/recs/parquet/{VERSIONS[1]}/manifest.json"), (
        "uploaded, and counts for nothing"
    )
    exported(own_home, VERSIONS[1])
    assert latest(bucket)["folder"] == f"{VERSIONS[1]}-2"
    assert bucket.exists(f"bucket/recs/parquet/{VERSIONS[0]}/manifest.json"), "who reads it goes on"
    remove(path_of(own_home, VERSIONS[0]))
    exported(own_home, VERSIONS[1])
    names = {entry.rpartition("/")[2] for entry in bucket.ls("bucket/recs/parquet", detail=False)}
    assert names == {"latest.json", f"{VERSIONS[1]}-2", latest(bucket)["folder"]}


def test_what_the_server_refuses_is_one_sentence(
    own_home: Home, bucket: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(
        BadInput, match=r"Nothing could be exported to s3://nowhere/recs .*AWS_ACCESS_KEY_ID"
    ) as said:
        export_to(own_home, path_of(own_home, VERSIONS[0]), "parquet s3://nowhere/recs")
    assert "hunter2" not in str(said.value) + caplog.text
    monkeypatch.setitem(objects._PACKAGES, "s3", ("no_such_package", "recengine[s3]"))
    with pytest.raises(BadInput, match="s3:// needs pip install 'recengine\\[s3\\]'"):
        exports.check(["parquet s3://bucket/recs"])
