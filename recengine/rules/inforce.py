"""The rules in force for a home: looked for, run, made arrays of, and kept with the lists that they made."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.knobs.published import ScoreConfig
from recengine.rules.compiled import Compiled
from recengine.rules.files import Rule, fingerprint_of, parsed_parameters, rules_in
from recengine.rules.running import ROWS, Ran, ran
from recengine.variety.lists import Lister

log = logging.getLogger(__name__)

LOOKED_AT = 2_000  # users whose lists are made again without each rule, to say how many it changes


@dataclass(frozen=True)
class InForce:
    """Some rules, run, and as arrays over a snapshot."""

    snapshot: Snapshot
    ran: Sequence[Ran]
    compiled: Compiled


def rules_of(home: Home, config: ScoreConfig) -> list[Rule]:
    """The rules that a config names, else those of the home.

    Raises
    ------
    BadInput
        As ``rules_in`` does.
    """
    told = parsed_parameters(config.rule_parameters)
    own = home.root / "rules"
    folder = Path(config.rules).expanduser() if config.rules else own if own.is_dir() else None
    return rules_in(folder, told)


def fingerprint(home: Home, config: ScoreConfig) -> str:
    """Of the rules in force; empty where there are none."""
    return fingerprint_of(rules_of(home, config))


def compiled(
    con: duckdb.DuckDBPyConnection, home: Home, snapshot: Snapshot, config: ScoreConfig
) -> InForce | None:
    """The rules in force, over the data that the warehouse and a snapshot hold; None where there are none.

    Raises
    ------
    BadInput
        A rule cannot be read or run, or they leave a user without any movie.
    """
    rules = rules_of(home, config)
    if not rules:
        return None
    rows = ran(con, rules)
    arrays = Compiled.over(snapshot, rows)
    arrays.check_everybody_has_a_movie(snapshot, rows)
    return InForce(snapshot, rows, arrays)


def changed_by(rules: InForce | None, lister: Lister, n: int) -> dict[str, int]:
    """How many users' lists would be others without each rule, by its name.

    Of more than ``LOOKED_AT`` users as many are looked at, spread evenly over the ids; their share is taken for all.
    """
    if rules is None:
        return {}
    snapshot = rules.snapshot
    users = np.unique(np.linspace(0, snapshot.users - 1, min(LOOKED_AT, snapshot.users)).astype(np.int64))
    n = min(n, snapshot.movies)
    with_all = rules.compiled.lists(lister, users, n).movies
    found = {}
    for one in rules.ran:
        others = Compiled.over(snapshot, [other for other in rules.ran if other is not one])
        differ = (others.lists(lister, users, n).movies != with_all).any(axis=1)
        found[one.rule.name] = round(float(differ.mean()) * snapshot.users)
    return found


def keep(con: duckdb.DuckDBPyConnection, rules: InForce | None, changed: dict[str, int]) -> None:
    """Replace the rules in ``scores.*`` by these, inside the caller's transaction, and say a line of each."""
    con.execute("DELETE FROM scores.rules")
    con.execute("DELETE FROM scores.rule_rows")
    if rules is None:
        return
    rows = pa.concat_tables(one.rows for one in rules.ran)
    con.register("rule_found", rows.cast(ROWS))
    con.execute("INSERT INTO scores.rule_rows BY NAME FROM rule_found")
    con.unregister("rule_found")
    for one in rules.ran:
        rule = one.rule
        about = (
            rule.name,
            rule.kind,
            rule.about,
            rule.query,
            json.dumps(rule.parameters),
            one.per_user,
            one.most,
        )
        figures = (len(one.rows), one.unknown, changed[rule.name])
        con.execute(
            "INSERT INTO scores.rules (name, kind, about, query, parameters, per_user, most, rows_named, "
            "rows_unknown, lists_changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [*about, *figures],
        )
        log.info(
            "rules: %s names %s rows (%s of nothing known) and changes %s of %s lists",
            rule.name,
            *(f"{figure:,}" for figure in (*figures, rules.snapshot.users)),
        )
