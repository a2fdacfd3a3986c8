"""Recognising a layout from the files of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from ingest_frames import FRAMES, frame, write

from recengine.errors import BadInput, BadSource, UnknownLayout
from recengine.movielens.layouts import recognise


def folder_with(path: Path, *names: str) -> Path:
    return write(path, dict.fromkeys(names, ""))


@pytest.mark.parametrize("layout", sorted(FRAMES))
def test_each_layout_is_recognised_from_its_files(layout: str, tmp_path: Path) -> None:
    source = recognise(write(tmp_path / "my-data", frame(layout)))
    assert (source.layout.name, source.dataset, source.folder) == (layout, "my-data", tmp_path / "my-data")
    assert {file.name for file in source.files} == set(FRAMES[layout])
    assert all(file.path == source.folder / file.name for file in source.files)


@pytest.mark.parametrize(
    ("layout", "low", "step"), [("ml-100k", 1, 1), ("ml-1m", 1, 1), ("ml-10m", 0.5, 0.5), ("csv", 0.5, 0.5)]
)
def test_each_layout_has_its_scale(layout: str, low: float, step: float, tmp_path: Path) -> None:
    scale = recognise(write(tmp_path / "f", frame(layout))).layout.scale
    assert (scale.low, scale.high, scale.step) == (low, 5.0, step)


def test_what_else_a_release_holds_is_not_read(tmp_path: Path) -> None:
    others = ["README.txt", "links.csv", "tags.csv", "genome-scores.csv", "ratings.csv.bak", "~ratings.csv"]
    source = recognise(folder_with(tmp_path / "ml-25m", "movies.csv", "ratings.csv", *others))
    assert [(file.role, file.name) for file in source.files] == [
        ("movies", "movies.csv"), ("ratings", "ratings.csv")
    ]  # fmt: skip
    splits = ["u1.base", "u1.test", "u.info", "u.genre", "u.occupation"]
    source = recognise(folder_with(tmp_path / "ml-100k", "u.data", "u.item", "u.user", *splits))
    assert sorted(file.name for file in source.files) == ["u.data", "u.item", "u.user"]


def test_files_added_beside_are_of_the_source(tmp_path: Path) -> None:
    source = recognise(
        folder_with(tmp_path / "f", "movies.csv", "ratings.csv", "ratings-2026-11-24.csv", "users.csv")
    )
    assert [(file.role, file.name) for file in source.files] == [
        ("movies", "movies.csv"), ("users", "users.csv"),
        ("ratings", "ratings-2026-11-24.csv"), ("ratings", "ratings.csv"),
    ]  # fmt: skip


def test_the_one_folder_inside_is_taken(tmp_path: Path) -> None:
    outer = tmp_path / "download"
    (outer / "__MACOSX").mkdir(parents=True)
    folder_with(outer / "ml-1m", "movies.dat", "ratings.dat", "users.dat")
    source = recognise(outer, dataset="ml-1m")
    assert (source.folder, source.dataset, source.layout.name) == (outer / "ml-1m", "ml-1m", "ml-1m")


def test_an_incomplete_folder_gets_what_was_found_and_what_is_missing(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "f", "u.data", "u.user", "README")
    with pytest.raises(UnknownLayout) as caught:
        recognise(folder)
    assert caught.value.found == ["README", "u.data", "u.user"]
    assert caught.value.missing == {"ml-100k": ["u.item"]}
    assert str(caught.value) == (
        f"{folder} is not a complete MovieLens folder: found u.data, u.user and 1 file (1 other); "
        "ml-100k also needs u.item. Point --source at the folder or zip as GroupLens distributes it."
    )


def test_an_unknown_folder_gets_what_every_layout_needs(tmp_path: Path) -> None:
    with pytest.raises(UnknownLayout) as caught:
        recognise(folder_with(tmp_path / "f", *(f"{i:02}.png" for i in range(20))))
    assert caught.value.missing == {
        "ml-100k": ["u.item", "u.data"],
        "ml-1m": ["movies.dat", "users.dat", "ratings.dat"],
        "ml-10m": ["movies.dat", "ratings.dat"],
        "csv": ["movies.csv", "ratings.csv"],
    }
    assert "found 20 files (20 .png); ml-100k also needs" in str(caught.value)


@pytest.mark.parametrize("data", [(), ("ratings.csv.gz.bak", "movies.csv")])
def test_names_that_do_not_look_like_data_are_not_told(tmp_path: Path, data: tuple[str, ...]) -> None:
    private = (".bashrc", "id_rsa", "divorce.pdf", "offer.pdf", "key.for-the-bank", "Jane Doe")
    with pytest.raises(UnknownLayout) as caught:
        recognise(folder_with(tmp_path / "f", *private, *data))
    told = str(caught.value)
    assert not [name for name in private if name in told or Path(name).stem in told or "bank" in told]
    assert "2 .pdf" in told
    assert ("found movies.csv and 7 files (" if data else "found 6 files (4 other, 2 .pdf)") in told


def test_many_files_are_cut_short(tmp_path: Path) -> None:
    with pytest.raises(UnknownLayout, match=r"found ratings10.dat, .*, ratings21.dat …; ml-1m"):
        recognise(folder_with(tmp_path / "f", *(f"ratings{i}.dat" for i in range(10, 25))))


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnknownLayout, match="found nothing"):
        recognise(tmp_path)


def test_a_folder_of_two_layouts_is_refused(tmp_path: Path) -> None:
    names = ["movies.csv", "ratings.csv", "movies.dat", "ratings.dat", "users.dat"]
    with pytest.raises(BadSource, match="two layouts, ml-1m and csv; keep one"):
        recognise(folder_with(tmp_path / "f", *names))


def test_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "gone", tmp_path / "file"):
        with pytest.raises(BadInput, match="is no folder"):
            recognise(path)
