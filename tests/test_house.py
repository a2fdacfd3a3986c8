"""The house keeps its layout: rooms, arrows, sizes. What it allows today beyond the rules is listed, and shrinks."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter

import house
import pytest

MODULE_LINES, FUNCTION_LINES, ARGUMENTS, CHAIN = 300, 40, 8, 20

# Each name below breaks a rule today. Take it off when it no longer does; put none on without a reason beside it.
LONG_MODULES = {
    "recengine.dataset",
}
LONG_FUNCTIONS = {
    "flows.server.serve.serve",
    # These are mostly the declarations of a command's options.
    "flows.cli.evaluation.evaluate",
    "flows.cli.night.run",
    "flows.cli.reading.models",
}
MANY_ARGUMENTS = {
    "recengine.synthetic.writer.write",
    # The arguments of these are the command's options and the form's fields.
    "flows.cli.evaluation.evaluate",
    "flows.cli.night.run",
    "flows.cli.stages.score",
    "flows.cli.tradeoff.tradeoff",
}
CIRCLES: set[str] = set()

STAGES = {"ingest", "features", "tune", "train", "score", "publish"}
ENGINE = {
    *(f"{name}.py" for name in ("__init__", "config", "errors", "dataset", "origin", *STAGES)), "py.typed",
    "knobs", "movielens", "synthetic", "warehouse", "models", "evaluation", "tuning", "selection", "serving",
    "runtime", "upkeep", "library", "testing", "variety", "outcomes", "rules", "shards", "engine", "scoring", "sql",
}  # fmt: skip
REPOSITORY = {
    "flows", "deployments", "recengine", "tests", "benchmarks", "docs", "pyproject.toml", "README.md", "Makefile",
    "constraints.txt", "mkdocs.yml", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", ".ci", ".gitignore",
}  # fmt: skip
FOREIGN = {
    "flows",
    "tests",
    "benchmarks",
    "prefect",
    "fastapi",
    "starlette",
    "uvicorn",
    "sqlalchemy",
    "typer",
}


def _kept(folder: str) -> set[str]:
    """What git keeps, or would keep, directly in a folder."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=house.ROOT / folder, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip(f"No git here: {listed.stderr.strip()}")
    return {
        name.split("/")[0] for name in listed.stdout.splitlines() if (house.ROOT / folder / name).exists()
    }


def _compare(broken: set[str], allowed: set[str], rule: str) -> None:
    """What breaks a rule is exactly what may today."""
    assert not broken - allowed, f"{rule}: {sorted(broken - allowed)}"
    gone = sorted(allowed - broken)
    assert not gone, f"No longer an exception; take it off the list in tests/test_house.py: {gone}"


@pytest.mark.parametrize(("folder", "entries"), [(".", REPOSITORY), ("recengine", ENGINE)])
def test_roots_have_the_entries_of_the_design_and_no_other(folder: str, entries: set[str]) -> None:
    assert _kept(folder) == entries


def test_the_engine_imports_no_flow_and_nothing_of_the_server_or_the_command_line() -> None:
    engine = [module for module in house.modules() if module.split(".")[0] == "recengine"]
    assert len(engine) > 100
    wrong = {
        (module, name)
        for module in engine
        for name in house.imported(module)
        if name.split(".")[0] in FOREIGN
    }
    assert not wrong


def test_modules_import_each_other_in_no_circle() -> None:
    assert sum(map(len, house.graph().values())) > 500
    assert not house.circle(house.graph())


def test_rooms_side_by_side_import_each_other_in_no_circle() -> None:
    folders = {module.rpartition(".")[0] for module in house.modules()} - {""}
    circles = {folder: found for folder in folders if (found := house.circle(house.rooms(folder)))}
    _compare(set(circles), CIRCLES, f"Rooms that import each other in a circle, {circles}")


def test_the_longest_chain_of_imports_grows_no_longer() -> None:
    chain = house.longest_chain()
    assert len(chain) <= CHAIN, " > ".join(chain)


def test_modules_are_short() -> None:
    long = {
        module
        for module, path in house.modules().items()
        if len(path.read_text(encoding="utf-8").splitlines()) > MODULE_LINES
    }
    _compare(long, LONG_MODULES, f"Modules of more than {MODULE_LINES} lines")


def test_functions_are_short() -> None:
    long = {
        f"{module}.{function.name}"
        for module in house.modules()
        for function in house.functions(module)
        if house.lines(function) > FUNCTION_LINES
    }
    _compare(long, LONG_FUNCTIONS, f"Functions of more than {FUNCTION_LINES} lines beside their docstring")


def test_functions_take_few_arguments() -> None:
    many = {
        f"{module}.{function.name}"
        for module in house.modules()
        for function in house.functions(module)
        if house.arguments(function) > ARGUMENTS
    }
    _compare(many, MANY_ARGUMENTS, f"Functions of more than {ARGUMENTS} arguments")


def test_every_room_and_module_says_what_it_is() -> None:
    silent = {module for module in house.modules() if not ast.get_docstring(house.tree(module))}
    assert not silent


def test_files_of_tests_have_a_name_each() -> None:
    """Without packages two files of one name cannot be collected in one run."""
    names = Counter(path.name for path in (house.ROOT / "tests").rglob("test_*.py"))
    assert not [name for name, files in names.items() if files > 1]


def test_the_house_can_be_printed() -> None:
    printed = subprocess.run(
        [sys.executable, house.__file__], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(
        r"^\| `recengine/models/kernels/` \| Compiled .* \| \d+ \| [\d,]+ \| \d+ \|$", printed, re.M
    )
    assert "The longest chain of imports has " in printed
