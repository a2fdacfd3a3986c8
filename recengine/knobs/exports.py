"""An export as a knob: a name, alone or with where to, in which no password can be told."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from recengine.runtime.addresses import SECRET_REFUSED, has_secret

# A name, alone or with a path, with where an address is kept (env:NAME), or with an address: one that has a password
# before its host does not match, so that a form refuses it before anything stores it.
PATTERN = (
    r"^[\w.:-]+( +([/~][^\n]*|[a-z]+:\w[\w./-]*|"
    r"[a-z][a-z0-9+.-]*://([^\s/?#@:]+@)?[^\s/?#@]*([/?#][^\s@]*)?))?$"
)


def export_text(told: Any) -> str:
    """An export as it is written; what is refused is not repeated, because it may hold a password.

    Raises
    ------
    ValueError
        It is none, or there is a password in it.
    """
    text = str(told).strip()
    if has_secret(text.partition(" ")[2].strip()):
        raise ValueError(f"{SECRET_REFUSED}.")
    if not re.match(PATTERN, text):
        raise ValueError(
            "An export is a name, alone or with a whole path or an address, such as parquet, csv /mnt/recs, "
            "parquet s3://bucket/recs or postgres postgresql://host/database."
        )
    return text


Export = Annotated[str, BeforeValidator(export_text), Field(pattern=PATTERN, max_length=2_000)]
