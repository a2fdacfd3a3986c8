"""What an exporter is, for those that come with recengine and for anybody's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from recengine.config import Home


class Exporter(ABC):
    """Base of exporters: a class that is made without arguments for each publication.

    A base class, and not any callable: a name in a form must not have functions of its choice called.

    Attributes
    ----------
    destination : str
        Where to, as it stands after the exporter's name: a folder, an address, or the name of a place that holds
        one (``recengine.runtime.addresses.looked_up``); empty where only the name is given.
    """

    destination: str = ""

    @abstractmethod
    def export(self, home: Home, path: Path) -> None:
        """Take a publication elsewhere.

        Parameters
        ----------
        home : Home
            Where it was published.
        path : Path
            The published DuckDB file, to be opened read-only: ``warehouse.connection.published(path)``.
        """

    def check(self) -> None:  # noqa: B027
        """Say what can be known to be wrong before the night's work, without reaching for anything.

        Raises
        ------
        BadInput
            It cannot be taken there.
        """
