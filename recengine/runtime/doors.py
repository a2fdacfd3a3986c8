"""Doors: things that anybody may add, by a built-in name, an import path or an entry point.

A door is for one kind of thing (models, dataset readers, exporters). What is behind it goes by a built-in name
(``hybrid``), by where it can be imported from (``package.module:Class``), or by the name under which an installed
distribution offers it: an entry point of the door's group.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from recengine.errors import BadInput
from recengine.runtime.near import choose, meant

Thing = TypeVar("Thing")

IMPORT_PATH = r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*"
_INSTALL = "install its package where recengine runs, or put its folder on PYTHONPATH"


@dataclass(frozen=True)
class Door(Generic[Thing]):
    """Where one kind of thing is found.

    Attributes
    ----------
    kind : str
        What it is, for sentences: "model".
    group : str
        The entry point group, "recengine.models".
    builtin : mapping of str to Thing
        What comes with recengine, by name.
    problem_of : callable
        What is wrong with an imported object, as the end of a sentence; None where nothing is.
    """

    kind: str
    group: str
    builtin: Mapping[str, Thing]
    problem_of: Callable[[Any], str | None]

    def find(self, name: str) -> Thing:
        """What goes by a name or an import path.

        Raises
        ------
        BadInput
            Nothing does, it cannot be imported, or it is of another kind; the sentence says which.
        """
        if name in self.builtin:
            return self.builtin[name]
        path = name if ":" in name else self._offered().get(name)
        if path is None:
            known = [*self.builtin, *self._offered()]
            path = "give an import path such as package.module:Name"
            raise BadInput(f"There is no {self.kind} {name!r}; {choose(name, known, path)}")
        found = self._imported(path)
        if problem := self.problem_of(found):
            raise BadInput(f"{path} is no {self.kind}: {problem}; mend it, or name another.")
        checked: Thing = found
        return checked

    def path_of(self, thing: Any) -> str:
        """The name that a built-in thing goes by, the import path of any other."""
        for name, known in self.builtin.items():
            if known is thing:
                return name
        return f"{thing.__module__}:{thing.__qualname__}"

    def _offered(self) -> dict[str, str]:
        """Import paths by the names that installed distributions offer."""
        return {found.name: found.value for found in entry_points(group=self.group)}

    def _imported(self, path: str) -> Any:
        if not re.fullmatch(IMPORT_PATH, path):
            raise BadInput(f"{path!r} is no import path of a {self.kind}; write package.module:Name.")
        module, _, names = path.partition(":")
        try:
            found: Any = importlib.import_module(module)
        except Exception as error:  # whatever a stranger's module does when it is imported
            remedy = _INSTALL if isinstance(error, ModuleNotFoundError) else "mend it"
            said = f"{type(error).__name__}: {error}".rstrip(".")
            raise BadInput(f"The {self.kind} {path} cannot be imported ({said}); {remedy}.") from error
        for name in names.split("."):
            if not hasattr(found, name):
                raise BadInput(f"There is no {name!r} in {module}{meant(name, dir(found))}; mend {path}.")
            found = getattr(found, name)
        return found
