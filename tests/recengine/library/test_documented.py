"""Every public name of the engine says what it is."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import recengine

ENGINE = Path(recengine.__file__).parent


def public(tree: ast.Module | ast.ClassDef, within: str) -> Iterator[tuple[str, ast.AST]]:
    """The public classes, functions and methods of a module, by dotted name."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
            yield f"{within}.{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{within}.{node.name}")


def test_every_public_name_has_a_docstring() -> None:
    found, without = 0, []
    for path in sorted(ENGINE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        module = ".".join(path.relative_to(ENGINE.parent).with_suffix("").parts)
        for name, node in [(module, tree), *public(tree, module)]:
            found += 1
            assert isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if not ast.get_docstring(node):
                without.append(name)
    assert found > 700
    assert not without


@pytest.mark.parametrize("name", sorted(set(recengine.__all__) - {"__version__", "RecengineError"}))
def test_the_library_s_names_have_their_sections(name: str) -> None:
    thing = getattr(recengine, name)
    text = inspect.getdoc(thing) or ""
    sections = re.findall(r"^(\w+)\n-+$", text, re.M)
    if inspect.isclass(thing):
        assert "Attributes" in sections
        return
    assert {"Parameters", "Returns"} <= set(sections)
    body = text.partition("Parameters\n")[2].partition("\nReturns\n")[0]
    told = re.findall(r"^(\*{0,2}\w+)(?: :|$)", body, re.M)
    wanted = [
        f"**{p.name}" if p.kind is p.VAR_KEYWORD else p.name
        for p in inspect.signature(thing).parameters.values()
    ]
    assert [t for t in told if not set(t) <= {"-"}] == wanted
