"""What people are told, as it stands in the code: `python docs/messages.py > docs/messages.md` makes the page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

_HEAD = """# Messages

Every error that somebody can cause, every reason that a run's state gives and every notice of the command line, as
they stand in the code; what differs from case to case is in ⟨brackets⟩. An error ends a command with status 2 and
leaves what is published as it is; in Prefect it is the run's message, with what to do in an artifact beside it. This
page is made by `python docs/messages.py > docs/messages.md`.
"""
ROOMS = {
    "recengine/movielens": "Reading data",
    "recengine/ingest": "Reading data",
    "recengine/synthetic": "Reading data",
    "recengine/config": "Homes and options",
    "recengine/knobs": "Homes and options",
    "recengine/runtime": "Homes and options",
    "flows/cli": "The command line",
    "flows/browse": "The command line",
    "flows/server": "The server",
    "flows": "Runs in Prefect",
    "recengine/library": "The library",
    "recengine/errors": "Anywhere",
    "recengine/serving": "Publishing, reading and exports",
    "recengine/publish": "Publishing, reading and exports",
    "recengine/rules": "Rules and variants",
    "recengine/variety": "Rules and variants",
    "recengine/warehouse": "What is stored",
    "recengine/upkeep": "What is stored",
    "recengine/engine": "Shards and clusters",
    "recengine/shards": "Shards and clusters",
    "recengine/scoring": "Shards and clusters",
}
ELSE = "Models, tuning and evaluation"
STATES = {"Completed", "Failed", "Cancelled", "Crashed"}
SENTENCE = {"BadInput", "RecengineError", "DownloadFailed"}
TOGETHER = {
    "BadSource": "{}: {}; {}.",
    "NotReady": "{}; {}.",
    "Damaged": "{} is damaged ({}); the next `recengine run` sets it aside and makes it again.",
}


def sentences() -> dict[str, list[str]]:
    """The sentences by heading, each once, in the order of the alphabet."""
    found: dict[str, set[str]] = {}
    for file in sorted((*ROOT.glob("flows/**/*.py"), *ROOT.glob("recengine/**/*.py"))):
        place = file.relative_to(ROOT).with_suffix("").as_posix()
        room = next((name for name in sorted(ROOMS, key=len, reverse=True) if place.startswith(name)), "")
        for said in Module(ast.parse(file.read_text(encoding="utf-8"))).said():
            text = " ".join(said.split())
            if re.search(r"\w+ \w+", re.sub("⟨[^⟩]*⟩", "", text)):  # more than a name
                found.setdefault(ROOMS.get(room, ELSE), set()).add(text)
    return {
        heading: sorted(found[heading])
        for heading in dict.fromkeys([*ROOMS.values(), ELSE])
        if heading in found
    }


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for heading, told in sentences().items():
        parts.append(f"## {heading}\n\n" + "\n".join(f"- {_markdown(text)}" for text in told) + "\n")
    return "\n".join(parts)


class Module:
    """What a module says to people."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        named = (
            node
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        )
        self.texts = {
            node.targets[0].id: node.value  # type: ignore[attr-defined]
            for node in named
            if isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
            and " " in node.value.value
        }

    def said(self) -> Iterator[str]:
        """Every sentence, as often as it is there."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield from self._of_call(node)

    def _of_call(self, node: ast.Call) -> Iterator[str]:
        match node.func:
            case ast.Name(id=name) if name in TOGETHER and len(node.args) == TOGETHER[name].count("{"):
                yield TOGETHER[name].format(*map(self._text, node.args))
            case ast.Name(id=name) if name in SENTENCE and node.args:
                yield self._text(node.args[0])
            case ast.Attribute(attr="__init__", value=ast.Call(func=ast.Name(id="super"))) if node.args:
                yield self._text(node.args[0])
            case ast.Attribute(attr="say", value=ast.Name(id="console")) if node.args:
                yield self._text(node.args[0])
            case ast.Name(id=name) if name in STATES:
                yield from (
                    self._text(keyword.value) for keyword in node.keywords if keyword.arg == "message"
                )

    def _text(self, node: ast.expr) -> str:
        """A sentence, with the names of what differs in brackets."""
        match node:
            case ast.Constant(value=value):
                return str(value)
            case ast.JoinedStr(values=values):
                return "".join(self._text(value) for value in values)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._text(left) + self._text(right)
            case ast.IfExp(body=body, orelse=orelse):
                return " / ".join(filter(None, (self._text(body), self._text(orelse))))
            case ast.FormattedValue(value=value):
                return self._text(value)
            case ast.Name(id=name) if name in self.texts:
                return self._text(self.texts[name])
        return f"⟨{_name(node)}⟩"


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").replace("_", " ")
        case ast.Call(func=ast.Name(id="choose")):
            return "what there is, or what was probably meant"
        case ast.Call(args=[first, *_]):
            return _name(first)
        case ast.Call(func=func):
            return _name(func)
        case ast.Subscript(value=value, slice=ast.Slice()) | ast.Subscript(value=value):
            return _name(value)
        case ast.BinOp(left=left):
            return _name(left)
    return "…"


def _markdown(text: str) -> str:
    return re.sub(r"([\\*_<>|])", r"\\\1", text)


if __name__ == "__main__":
    print(page(), end="")
