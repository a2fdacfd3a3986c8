"""A folder of rules: one SQL file each, which is named by its kind and headed by what it is.

``exclude_*.sql``, ``only_*.sql``, ``boost_*.sql``, ``cap_*.sql`` and ``pin_*.sql`` are queries over ``core.*`` and
``features.*``. A value that a run may set stands in the query as ``$name``; ``-- parameter: name = value`` in the
heading says what it is where the run says nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from recengine.errors import BadInput, legible
from recengine.runtime.near import meant
from recengine.warehouse.sqlfolder import Text, texts_in

# What the rows of each kind are: columns that must be there, and those that may.
COLUMNS = {
    "exclude": (("movie_id",), ("user_id",)),
    "only": (("movie_id",), ("user_id",)),
    "boost": (("movie_id", "weight"), ("user_id",)),
    "cap": (("movie_id", "value", "most"), ()),
    "pin": (("movie_id",), ("user_id", "position")),
}
KINDS = tuple(COLUMNS)

_NAME = re.compile(rf"({'|'.join(KINDS)})_.+\.(?i:sql)", re.DOTALL)
_PARAMETER = re.compile(r"^--\s*parameter:\s*(\w+)\s*=\s*(.+?)\s*$", re.MULTILINE)
_COMMENT = re.compile(r"^--\s?(.*)$")


@dataclass(frozen=True)
class Rule:
    """One file.

    Attributes
    ----------
    path : Path
    kind : str
        One of ``KINDS``.
    about : str
        Its heading, in one line.
    query : str
        One SELECT.
    parameters : dict of str to object
        The values that its query takes.
    """

    path: Path
    kind: str
    about: str
    query: str
    parameters: dict[str, Any]

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return legible(self.path.stem)


def rules_in(folder: Path | None, told: Mapping[str, Any]) -> list[Rule]:
    """The rules of a folder; none where there is no folder. As ``rules_of`` for the rest."""
    return rules_of([] if folder is None else texts_in(folder), told)


def rules_of(texts: Sequence[Text], told: Mapping[str, Any]) -> list[Rule]:
    """The rules that files are.

    Parameters
    ----------
    texts : sequence of Text
    told : mapping of str to object
        Values of parameters that the run sets.

    Raises
    ------
    BadInput
        A file of another name, one that is not one SELECT, a parameter without a value, a value that no query takes.
    """
    rules = [_rule(one, told) for one in texts]
    names = [rule.name for rule in rules]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"Two rules are called {twice[0]}; rename one of the files.")
    unknown = sorted(set(told) - {name for rule in rules for name in rule.parameters})
    if unknown:
        there = {name for rule in rules for name in rule.parameters}
        raise BadInput(
            f"No rule takes the parameter {unknown[0]}{meant(unknown[0], sorted(there))}; leave it out, or write "
            f"${unknown[0]} in a rule."
        )
    return rules


def fingerprint_of(rules: Sequence[Rule]) -> str:
    """Of what the rules say: equal ones, with equal parameters, make equal lists of equal data."""
    said = [(rule.name, rule.query, sorted(rule.parameters.items())) for rule in rules]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16] if rules else ""


def parsed_parameters(told: Sequence[str]) -> dict[str, Any]:
    """``name=value`` each; a value is a number, true, false or a JSON text where it reads as one, else a text."""
    found = {}
    for one in told:
        name, equals, value = one.partition("=")
        if not equals or not name.strip().isidentifier():
            raise BadInput(f"{one!r} is no parameter of a rule; write name=value.")
        found[name.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError:
        quoted = len(text) > 1 and text[0] == text[-1] == "'"
        return text[1:-1].replace("''", "'") if quoted else text


def _refuse(constant: str) -> None:
    """No number is NaN or infinite in JSON, whatever Python says."""
    raise ValueError(constant)


def _rule(one: Text, told: Mapping[str, Any]) -> Rule:
    path, text = one
    if not _NAME.fullmatch(path.name) or not legible(path.name).isprintable():
        names = ", ".join(f"{kind}_*.sql" for kind in KINDS)
        kind = path.name.split("_", 1)[0]
        near = "" if kind in KINDS or path.stem in KINDS else meant(kind, KINDS)
        raise BadInput(
            f"{_printable(path)} is no rule{near}: its name must be one of {names}; rename it or take it away."
        )
    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        raise BadInput(
            f"{path} cannot be read as SQL ({_first_line(error)}); mend it or take it away."
        ) from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise BadInput(f"{path} must be one SELECT and nothing else; mend it or take it away.")
    values = _values(path, text, set(statements[0].named_parameters), told)
    return Rule(path, path.name.split("_", 1)[0], _heading(text), _query(text), values)


def _values(path: Path, text: str, wanted: set[str], told: Mapping[str, Any]) -> dict[str, Any]:
    """Of the parameters that a query takes."""
    own = {name: _value(value) for name, value in _PARAMETER.findall(text)}
    if numbered := sorted(name for name in wanted if name.isdigit()):
        raise BadInput(f"{path} takes a parameter by its place, {numbered[0]}; give it a name, as in $years.")
    if unused := sorted(own.keys() - wanted):
        raise BadInput(
            f"{path} says what {unused[0]} is, and its query takes no ${unused[0]}; mend one of the two."
        )
    values = {name: told.get(name, own.get(name)) for name in wanted}
    for name in sorted(wanted):
        if values[name] is None:
            raise BadInput(
                f"{path} takes the parameter {name}, which has no value; "
                f"give it with --set score.rule_parameters={name}=VALUE, or in the file's heading as "
                f"-- parameter: {name} = VALUE."
            )
    return values


def _query(text: str) -> str:
    """A text's one statement, with the comments before it, without semicolons and what follows the last of them."""
    written, began, begins, ends = text.encode(), False, 0, None
    for at, kind in duckdb.tokenize(text):
        if written[at : at + 1] != b";":
            began = began or kind != duckdb.token_type.comment
        elif not began:
            begins = at + 1
        else:
            ends = at
            break
    return written[begins:ends].decode().strip()


def _heading(text: str) -> str:
    """The comment that the file begins with, but for its parameters."""
    lines = []
    for line in text.splitlines():
        found = _COMMENT.match(line)
        if not found:
            break
        if not _PARAMETER.match(line):
            lines.append(found[1].strip())
    return " ".join(line for line in lines if line)


def _printable(path: Path) -> str:
    return "".join(letter if letter.isprintable() else "·" for letter in legible(path))


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
