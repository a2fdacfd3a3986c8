"""The house as its sources say it: modules, what they import, how long they are. Run it to print rooms and chain.

Imports inside functions and for types only count like the others: a circle that is hidden is a circle.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("recengine", "flows")


@cache
def modules() -> dict[str, Path]:
    """Every module of the house by its name; a package's ``__init__`` under the package's name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    """A module's syntax."""
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def imported(module: str) -> Iterator[str]:
    """Every name that a module imports, dotted, foreign ones too."""
    package = module.split(".") if modules()[module].name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = package[: len(package) - node.level + 1] if node.level else []
            yield from (".".join([*parent, *filter(None, [node.module]), alias.name]) for alias in node.names)


@cache
def graph() -> dict[str, set[str]]:
    """What each module imports of the house."""
    edges: dict[str, set[str]] = {}
    for module in modules():
        names = imported(module)
        homes = (name if name in modules() else name.rpartition(".")[0] for name in names)
        edges[module] = {home for home in homes if home in modules()} - {module}
    return edges


def rooms(folder: str) -> dict[str, set[str]]:
    """What lies side by side in a package, each with its neighbours that it imports; a room counts as one."""

    def neighbour(module: str) -> str | None:
        if module == folder:
            return folder
        if not module.startswith(f"{folder}."):
            return None
        return folder + "." + module[len(folder) + 1 :].split(".")[0]

    edges: dict[str, set[str]] = {}
    for module, targets in graph().items():
        if here := neighbour(module):
            edges.setdefault(here, set()).update(there for t in targets if (there := neighbour(t)))
    return {here: there - {here} for here, there in edges.items()}


def circle(edges: Mapping[str, Set[str]]) -> list[str]:
    """One circle of a graph; empty where there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def longest_chain() -> list[str]:
    """The longest way from import to import; the graph must have no circle."""
    best: dict[str, list[str]] = {}
    for module in TopologicalSorter(graph()).static_order():
        best[module] = [
            module,
            *max((best[target] for target in sorted(graph()[module])), key=len, default=[]),
        ]
    return max(best.values(), key=len)


def functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods and inner ones too."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from ``def`` to its end, without its docstring."""
    assert function.end_lineno
    whole = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return whole
    docstring = function.body[0]
    assert docstring.end_lineno
    return whole - (docstring.end_lineno - docstring.lineno + 1)


def arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many arguments a caller may give."""
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def table() -> str:
    """Each room with what it says of itself, its modules, their lines and the longest, as Markdown."""
    sizes: dict[str, list[int]] = {}
    for module, path in modules().items():
        room = module if path.name == "__init__.py" else module.rpartition(".")[0]
        sizes.setdefault(room, []).append(len(path.read_text(encoding="utf-8").splitlines()))
    rows = ["| room | what it is | modules | lines | longest |", "| --- | --- | --- | --- | --- |"]
    for room, counts in sorted(sizes.items()):
        says = (ast.get_docstring(tree(room)) or "").split("\n\n")[0].replace("\n", " ")
        rows.append(
            f"| `{room.replace('.', '/')}/` | {says} | {len(counts)} | {sum(counts):,} | {max(counts)} |"
        )
    return "\n".join(rows)


def main() -> None:
    """Print the rooms, and the longest chain of imports."""
    chain = longest_chain()
    print(f"{table()}\n\nThe longest chain of imports has {len(chain)} modules:\n{' > '.join(chain)}")


if __name__ == "__main__":
    main()
