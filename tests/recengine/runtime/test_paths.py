"""A path as a person gives it: what is part of it, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from recengine.config import Home
from recengine.errors import BadInput
from recengine.models import store
from recengine.movielens.locating import locate
from recengine.runtime.paths import user_path


@pytest.mark.parametrize("blank", [None, "", " ", "\t\n", "''", '" "'])
def test_blank_is_none(blank: str | None) -> None:
    assert user_path(blank) is None


@pytest.mark.parametrize(
    "pasted",
    ["{}", " {}", "{}\n", "\t{} ", "'{}'", '"{}"', " '{}' ", "file://{}", "FILE://localhost{}", "file:{}"],
)
@pytest.mark.parametrize("name", ["ml", "my data", "it's", "50%25", "a#b?c"])
def test_what_is_around_a_pasted_path_is_no_part_of_it(pasted: str, name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    link = ":" in pasted
    written = folder.as_uri().removeprefix("file://") if link else str(folder)
    assert user_path(pasted.format(written)) == folder


@pytest.mark.parametrize("name", [" begins with a blank", "ends with one ", "'quoted'", "file:"])
def test_what_exists_is_taken_as_it_is(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name.strip(" '")).mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    assert user_path(name) == Path(name)
    assert user_path(str(tmp_path / name)) == tmp_path / name


def test_a_tilde_is_the_account_s_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/ml-100k") == user_path(" '~/ml-100k' ") == tmp_path / "ml-100k"
    assert user_path("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("https://files.grouplens.org/ml-1m.zip", "is an address, not a path"),
        (" s3://bucket/ratings", "is an address, not a path"),
        ("file://fileserver/share/ml", "lies on another machine, fileserver"),
        ("a\0b", "holds a NUL character"),
    ],
)
def test_what_is_no_path_is_refused(address: str, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        user_path(address)


@pytest.mark.parametrize("variable", ["", " ", None])
def test_a_blank_home_is_the_default(
    variable: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECENGINE_HOME", variable or "")
    assert Home.at("  ").root == Home.at().root == tmp_path / "data"
    monkeypatch.setenv("RECENGINE_HOME", f" '{tmp_path}/my home'\n")
    assert Home.at(variable).root == tmp_path / "my home"


@pytest.mark.parametrize("name", ["back\\slash", "\udcff"])
def test_a_link_of_an_odd_name_is_no_home_either(name: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to(tmp_path)
    with pytest.raises(BadInput, match="No database can be kept under"):
        Home.at(tmp_path / name)


@pytest.mark.parametrize("model_id", ["../../evil/m", "../m", "/etc", "..", ".", "", " ", ".hidden", "a/b"])
def test_a_model_s_id_leads_nowhere_else(model_id: str, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    home.models.mkdir()
    for folder in (home.models, home.models / "a" / "b", home.models / ".hidden", tmp_path / "evil" / "m"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_text("{}")
    with pytest.raises(BadInput, match=r"No model .* is stored under"):
        store.manifest_of(home, model_id)


def test_a_blank_source_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no dataset 'nonsense'"):
        locate(Home.at(tmp_path), "nonsense", "  ")
    with pytest.raises(BadInput, match=f"^{tmp_path}/nowhere is no folder"):
        locate(Home.at(tmp_path), "nonsense", f" {tmp_path}/nowhere ")
