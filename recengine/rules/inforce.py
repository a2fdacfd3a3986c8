"""The rules in force for a home: looked for, run, made arrays of, and kept with the lists that they made."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.knobs.published import ScoreConfig
from recengine.rules import files
from recengine.rules.compiled import Compiled
from recengine.rules.files import Rule, fingerprint_of, parsed_parameters
from recengine.rules.prices import name_of, name_of_all
from recengine.rules.running import ROWS, Ran, ran
from recengine.runtime.paths import user_path
from recengine.variety.lists import Lister
from recengine.variety.side_by_side import SideBySide
from recengine.warehouse.connection import warehouse
from recengine.warehouse.history import rules_of_data
from recengine.warehouse.sqlfolder import Text, named_texts_in, texts_in

log = logging.getLogger(__name__)

LOOKED_AT = 2_000  # users whose lists are made again without each rule, to say how many it changes


@dataclass(frozen=True)
class InForce:
    """Some rules, run, and as arrays over a snapshot."""

    snapshot: Snapshot
    ran: Sequence[Ran]
    compiled: Compiled


def rules_of(home: Home, config: ScoreConfig) -> list[Rule]:
    """The rules of the folder that a config names, else those that came with the data, else those of the home.

    Raises
    ------
    BadInput
        As ``files.rules_of`` does, or the folder holds none.
    """
    told = parsed_parameters(config.rule_parameters)
    if folder := user_path(config.rules):
        return files.rules_of(named_texts_in(folder), told)
    own = home.root / "rules"
    texts = _of_the_data(home) or (texts_in(own) if own.is_dir() else [])
    return files.rules_of(texts, told)


def _of_the_data(home: Home) -> list[Text]:
    if not home.warehouse.exists():
        return []
    with warehouse(home.warehouse) as con:
        return [Text(Path(path), text) for path, text in rules_of_data.kept(con)]


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


def check(home: Home, snapshot: Snapshot, lists: ScoreConfig | None) -> None:
    """Look at the rules in force, before anything is trained.

    Raises
    ------
    BadInput
        As ``compiled`` does.
    """
    if lists is not None and rules_of(home, lists):
        with warehouse(home.warehouse) as con:
            compiled(con, home, snapshot, lists)


def changed_by(rules: InForce | None, lister: Lister | SideBySide, n: int) -> dict[str, int]:
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


def keep(
    con: duckdb.DuckDBPyConnection,
    rules: InForce | None,
    changed: Mapping[str, int],
    prices: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Replace the rules in ``scores.*`` by these, inside the caller's transaction, and say a line of each.

    Parameters
    ----------
    con : DuckDBPyConnection
    rules : InForce or None
    changed : mapping of str to int
        From ``changed_by``.
    prices : sequence of mapping
        From the model's manifest; a rule that none of them is of has no price.
    """
    for table in ("rules", "rule_rows", "rules_together"):
        con.execute(f"DELETE FROM scores.{table}")
    if rules is None:
        return
    rows = pa.concat_tables(one.rows for one in rules.ran)
    con.register("rule_found", rows.cast(ROWS))
    con.execute("INSERT INTO scores.rule_rows BY NAME FROM rule_found")
    con.unregister("rule_found")
    known = {price["what"]: price for price in prices}
    if together := known.get(name_of_all([one.rule for one in rules.ran])):
        told = json.dumps(dict(together) | {"what": "all rules"})
        con.execute("INSERT INTO scores.rules_together VALUES (?)", [told])
    for one in rules.ran:
        row = _told(one, changed[one.rule.name], known.get(name_of(one.rule)))
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        con.execute(f"INSERT INTO scores.rules ({names}) VALUES ({marks})", list(row.values()))
        log.info("rules: %s", sentence_of(row, rules.snapshot.users))


def _told(one: Ran, lists_changed: int, price: Mapping[str, Any] | None) -> dict[str, Any]:
    """A rule's row of ``scores.rules``."""
    rule = one.rule
    change = price["ndcg_change"] if price else (None, None, None)
    without = (
        next((v for name, v in price["without"].items() if name.startswith("ndcg@")), None) if price else None
    )
    return {
        "name": rule.name,
        "kind": rule.kind,
        "about": rule.about,
        "query": rule.query,
        "parameters": json.dumps(rule.parameters),
        "per_user": one.per_user,
        "most": one.most,
        "rows_named": len(one.rows),
        "rows_unknown": one.unknown,
        "lists_changed": lists_changed,
        **dict(zip(("ndcg_change", "ndcg_change_low", "ndcg_change_high"), change, strict=True)),
        "ndcg_without": without,
    }


def sentence_of(row: Mapping[str, Any], users: int) -> str:
    """A rule's row of ``scores.rules`` in words: what it names, whose lists it changes, what that costs."""
    unknown = f" ({row['rows_unknown']:,} of nothing known)" if row["rows_unknown"] else ""
    cost = "what it costs was not measured"
    if row["ndcg_change"] is not None:
        low, high = row["ndcg_change_low"], row["ndcg_change_high"]
        cost = f"nDCG@10 {row['ndcg_change']:+.4f} [{low:+.4f}, {high:+.4f}] of {row['ndcg_without']:.4f}"
    return (
        f"{row['name']} names {row['rows_named']:,} rows{unknown} and changes {row['lists_changed']:,} of "
        f"{users:,} lists; {cost}"
    )
