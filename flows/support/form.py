"""A flow's form from the stages' configs: each field's name, default, bounds and words are those of its knob.

What a run was told by its form is the weakest word but the defaults (``recengine.knobs.sources``): the home's
``recengine.toml`` and the environment of the worker win, and ``--set`` of ``recengine run`` over all of them.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

from prefect import Flow
from prefect.exceptions import ParameterTypeError
from pydantic import ValidationError

from flows.support.alerts import ALERTING
from flows.support.endings import ending
from flows.support.folding import FOLDS, unfolded
from flows.support.naming import run_name
from flows.support.stopping import COMMAND_LINE
from recengine.config import Home, StageConfig, worded
from recengine.errors import BadInput
from recengine.knobs.sources import InForce, Knobs, field_of, in_force, value_of
from recengine.models.registry import ModelName
from recengine.runtime.near import choose

Result = TypeVar("Result")

# Fields that have another name in the form than their knob, or that turn two knobs at once.
KNOBS = {
    "limits": ("ingest",),
    "device": ("train.device", "score.device"),
}
# Names that forms of earlier releases had: deployments and runs on a server may still hold them.
EARLIER = {"carry": "reuse"}


class FormFlow(Flow[..., Result]):
    """A flow that also takes what was stored for it by the names of an earlier release."""

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Parameters as their types, by today's names."""
        given = by_todays_names(parameters)
        signature = self.fn.__signature__  # type: ignore[attr-defined]
        known = {name: field for name, field in signature.parameters.items() if name not in FOLDS}
        for name in given.keys() - known.keys():
            raise BadInput(f"There is no field {name!r} in the form of {self.name}; {choose(name, known)}")
        try:
            return super().validate_parameters(given)
        except ParameterTypeError as refused:
            raise BadInput(_refusal(refused, {name: known[name].annotation for name in known})) from None

    def filled(self, knobs: Knobs) -> dict[str, Any]:
        """What the form's fields say where these knobs are in force."""
        fields: Mapping[str, str] = self.fn.fields  # type: ignore[attr-defined]
        return {field: value_of(knobs, knob) for field, knob in fields.items()}


def form(name: str, *knobs: str) -> Callable[[Callable[..., Result]], FormFlow[Result]]:
    """A flow whose form has these knobs, by dotted name; the function gets all that are in force as ``in_force``.

    They stand in the form where ``in_force`` stands among the function's parameters, groups of knobs last.
    """
    fields = {_field(knob): knob for knob in knobs}

    def made(function: Callable[..., Result]) -> FormFlow[Result]:
        signature = _signature(function, fields)

        @ending
        @functools.wraps(function)
        def run(*args: Any, **named: Any) -> Result:
            bound = signature.bind(*args, **named)
            bound.apply_defaults()
            arguments = bound.arguments
            from_form = {knob: arguments[field] for field in fields for knob in _turned(field, fields[field])}
            others = {name: value for name, value in arguments.items() if name not in {*fields, *FOLDS}}
            return function(**others, in_force=_in_force(from_form))

        run.__doc__ = _documented(function, fields)
        run.fields = fields  # type: ignore[attr-defined]
        run.__signature__ = signature  # type: ignore[attr-defined]
        return FormFlow(run, name=name, flow_run_name=run_name, **ALERTING)

    return made


def _refusal(refused: ParameterTypeError, kinds: Mapping[str, Any]) -> str:
    """What a form's field does not take, in the words that refuse a knob."""
    cause = refused.__context__
    if not isinstance(cause, ValidationError):
        return str(refused)
    # A name that is none of the choices says more than that it is no import path either.
    found = min(cause.errors(), key=lambda error: error["type"] != "literal_error")
    field, *within = found["loc"]
    return worded({**found, "loc": tuple(within)}, kinds.get(str(field)), str(field))


def by_todays_names(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Stored parameters, and the fields of groups among them, by the names that they have today, none folded."""
    current = {EARLIER.get(name, name): value for name, value in unfolded(parameters).items()}
    for name, value in current.items():
        earlier = _GROUPS[name].earlier if name in _GROUPS else {}
        if isinstance(value, dict) and earlier:
            current[name] = {earlier.get(inner, inner): field_value for inner, field_value in value.items()}
    return current


@contextmanager
def command_line(set_options: Sequence[str], options: Mapping[str, Any]) -> Iterator[None]:
    """A flow that runs in this process meanwhile takes these as the strongest word."""
    os.environ[COMMAND_LINE] = json.dumps([list(set_options), dict(options)])
    try:
        yield
    finally:
        del os.environ[COMMAND_LINE]


def _in_force(from_form: Mapping[str, Any]) -> InForce:
    set_options, options = json.loads(os.environ.get(COMMAND_LINE, "[[], {}]"))
    changed = {knob: value for knob, value in from_form.items() if value != field_of(knob).default}
    return in_force(Home.place(), set_options, options, changed)


def _field(knob: str) -> str:
    named = (field for field, turned in KNOBS.items() if knob in turned)
    return next(named, knob.rpartition(".")[2])


def _turned(field: str, knob: str) -> tuple[str, ...]:
    return KNOBS.get(field, (knob,))


def _signature(function: Callable[..., Any], fields: Mapping[str, str]) -> inspect.Signature:
    before = list(inspect.signature(function, eval_str=True).parameters.values())
    place = next(at for at, parameter in enumerate(before) if parameter.name == "in_force")
    made = [_parameter(field, knob) for field, knob in fields.items()]
    groups = [parameter for parameter in made if isinstance(parameter.default, StageConfig)]
    flat = [parameter for parameter in made if parameter not in groups]
    # What is sent to a deployment reaches validate_parameters only by names that the signature has.
    folds = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=dict[str, Any] | None
        )
        for name, fold in FOLDS.items()
        if not fields.keys().isdisjoint(fold.fields)
    ]
    fields_in_order = [*before[:place], *flat, *before[place + 1 :], *groups, *folds]
    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([parameter.replace(kind=either) for parameter in fields_in_order])


def _parameter(field: str, knob: str) -> inspect.Parameter:
    declared = field_of(knob)
    kind: Any = ModelName if knob == "train.model" else declared.annotation
    bounded = Annotated[kind, declared] if declared.metadata else kind
    return inspect.Parameter(
        field, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=declared.default, annotation=bounded
    )


def _documented(function: Callable[..., Any], fields: Mapping[str, str]) -> str:
    """The function's docstring, which may end in its own ``Args:``, with the fields' words: Prefect shows them."""
    own = inspect.getdoc(function) or ""
    words = (f"    {field}: {field_of(knob).description}" for field, knob in fields.items())
    return "\n".join([own if "\nArgs:\n" in own else f"{own}\n\nArgs:", *words])


_GROUPS: dict[str, type[StageConfig]] = {
    name: type(field_of(knob).default)
    for name, knob in {"gate": "train.gate", "reuse": "train.reuse", "guard": "publish.guard"}.items()
}
