"""What the pages name exists: files, modules, commands, options and variables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from flows import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SOURCES = "\n".join(
    path.read_text(encoding="utf-8", errors="replace")
    for folder in ("recengine", "flows", "deployments")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".yaml", ".service", ".example")
)
VARIABLE = re.compile(r"\bRECENGINE_[A-Z][A-Z_]*[A-Z]\b")
HEADING = re.compile(r"^#+ (.*)$", re.M)


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.fixture(scope="module")
def commands() -> dict[str, set[str]]:
    """The command line's verbs with their options."""
    group = typer.main.get_group(cli.command_line())
    return {
        name: {o for p in c.params for o in (*p.opts, *p.secondary_opts)}
        for name, c in group.commands.items()
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]*)(?:#[^)]*)?\)", _text(page)):
        assert "://" in link or (page.parent / link).exists(), link
    for link, anchor in re.findall(r"\]\(([^):\s]*)#([^)]*)\)", _text(page)):
        target = _text((page.parent / link) if link else page)
        assert anchor in {_anchor(heading) for heading in HEADING.findall(target)}, (link, anchor)


def test_index_lists_every_page() -> None:
    index = _text(ROOT / "docs" / "index.md")
    for page in ROOT.glob("docs/*.md"):
        assert page.name == "index.md" or f"({page.name})" in index, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path, commands: dict[str, set[str]]) -> None:
    if page.name == "CHANGELOG.md":  # of earlier releases
        return
    for verb, rest in re.findall(r"(?:bin/|`|^)recengine ([a-z]+)([^`#\n]*)", _text(page), re.M):
        assert verb in commands, verb
        assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= commands[verb] | {"--help"}, (verb, rest)


def test_readme_lists_every_command(commands: dict[str, set[str]]) -> None:
    table = _text(ROOT / "README.md").split("## Commands")[1].split("\n## ")[0]
    missing = [verb for verb in commands if not re.search(rf"`(recengine )?{verb}\b", table)]
    assert not missing


def test_contributing_says_of_every_room_what_may_go_in() -> None:
    table = _text(ROOT / "CONTRIBUTING.md").split("## Rooms")[1].split("\n## ")[0]
    rooms = [path.name for path in (ROOT / "recengine").iterdir() if (path / "__init__.py").exists()]
    missing = [room for room in (*rooms, "sql") if f"`recengine/{room}/`" not in table]
    assert not missing


def test_variables_exist_and_are_told() -> None:
    """Names with two underscores are knobs, which their own page has."""
    told = {name for page in PAGES for name in VARIABLE.findall(_text(page)) if "__" not in name}
    there = {name for name in VARIABLE.findall(SOURCES) if "__" not in name}
    # The tests read the first; the second is said from one process of ours to the next.
    assert told - {"RECENGINE_DATASETS"} == there - {"RECENGINE_COMMAND_LINE"}


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", _text(ROOT / "Makefile"), re.M))
    for page in PAGES:
        assert set(re.findall(r"`make ([a-z-]+)`", _text(page))) <= targets, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_and_modules_exist(page: Path) -> None:
    if page.name == "CHANGELOG.md":  # of earlier releases
        return
    text = _text(page)
    for path in re.findall(r"`((?:recengine|flows|tests|docs|benchmarks|deployments)/[\w/.-]*)`", text):
        assert (ROOT / path).exists(), path
    for module in re.findall(r"python -m ((?:recengine|flows|benchmarks)[\w.]*)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
