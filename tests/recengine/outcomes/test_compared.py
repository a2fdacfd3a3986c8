"""Variants compared: figures that are known exactly, and intervals that hold as often as they say."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import duckdb
import engine_homes
import numpy as np
import pyarrow as pa
import pytest
from engine_homes import core_of

from recengine import features, publish, score
from recengine.config import Home
from recengine.knobs.stages import ScoreConfig
from recengine.serving.versions import path_of
from recengine.variety.variants import assigned
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import warehouse
from recengine.warehouse.history import contents

GROUPS, ROWS = 64, 10
COLUMNS = "variant, against, shown, shown_against, hits, hits_against"


def compared_in(con: duckdb.DuckDBPyConnection, rows: pa.Table) -> duckdb.DuckDBPyConnection:
    """The table of comparisons that these outcomes make."""
    con.execute(
        "INSERT INTO scores.origin (model_id, model, dataset, snapshot, input_fingerprint, top_n, generated_at) "
        "VALUES ('m', 'ease', 'tiny', 's', 'f', 10, now()::TIMESTAMP)"
    )
    con.register("planted", rows)
    con.execute(
        "INSERT INTO ops.outcomes BY NAME "
        "SELECT 'tiny' AS dataset, 'm' AS model_id, 1 AS rank, 9 AS users, * FROM planted"
    )
    con.execute("ATTACH ':memory:' AS published")
    sqlfiles.run(con, "publish/outcomes_by_variant")
    return con


def planted(rows: list[tuple[str, str, str, int, int, int]]) -> pa.Table:
    names = ("version", "variant", "day", "user_group", "shown", "hits")
    return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def test_only_versions_and_days_that_both_have_count() -> None:
    rows = [
        ("1", "m", "2026-03-01", 0, 100, 12),
        ("1", "m", "2026-03-02", 1, 50, 3),
        ("1", "m+x", "2026-03-01", 0, 80, 10),
        ("1", "m+x", "2026-03-01", 5, 20, 10),
        ("2", "m+x", "2026-03-02", 5, 20, 10),
        ("3", "all", "2026-03-03", 0, 1000, 500),
    ]
    with core_of() as con:
        found = compared_in(con, planted(rows)).execute(
            f"SELECT {COLUMNS} FROM published.outcomes_by_variant"
        )
        assert found.fetchall() == [("m+x", "m", 100, 100, 20, 12)]
        [(low, middle, high)] = con.execute(
            "SELECT difference_low, difference, difference_high FROM published.outcomes_by_variant"
        ).fetchall()
    # m has one group, whose residual is 0; of m+x two, of residuals 10 - 0.2 * 80 and 10 - 0.2 * 20.
    assert middle == pytest.approx(0.08)
    assert high - middle == pytest.approx(1.998 * (64 / 63 * (6**2 + 6**2)) ** 0.5 / 100)
    assert middle - low == pytest.approx(high - middle)


def test_few_hits_have_no_interval() -> None:
    rows = [("1", "m", "2026-03-01", 0, 100, 9), ("1", "m+x", "2026-03-01", 0, 100, 30)]
    with core_of() as con:
        found = compared_in(con, planted(rows)).execute(
            "SELECT difference, difference_low, difference_high FROM published.outcomes_by_variant"
        )
        assert found.fetchall() == [(pytest.approx(0.21), None, None)]


def test_intervals_hold_where_users_differ_more_than_days() -> None:
    """Of 400 comparisons without any difference, about 95 in a hundred have 0 in their interval.

    Users have rates of their own, and the same one on each of ten days: an interval of independent rows would hold
    far less often.
    """
    random, users, days = np.random.default_rng(7), 1000, 10
    tables = []
    for at in range(400):
        for variant in ("m", "m+x"):
            rate = random.beta(0.5, 9.5, users)
            hits = random.binomial(ROWS * days, rate)
            groups = random.integers(0, GROUPS, users)
            tables += [
                (
                    f"{at}",
                    f"{variant}{at:03d}",
                    "2026-03-01",
                    group,
                    ROWS * days * int((groups == group).sum()),
                    int(hits[groups == group].sum()),
                )
                for group in range(GROUPS)
            ]
    with core_of() as con:
        compared_in(con, planted(tables))
        [(pairs, held)] = con.execute(
            "SELECT count(*), count(*) FILTER (difference_low <= 0 AND difference_high >= 0) "
            "FROM published.outcomes_by_variant"
        ).fetchall()
    assert pairs == 400
    assert 0.92 <= held / pairs <= 0.98


def test_readers_see_variants_side_by_side(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of two variants, rated by some of their users a day later, are compared by the next publication."""
    config = ScoreConfig(top_n=5, similar_n=3, variants="popularity,popularity+diversity=0.6")
    with warehouse(home.warehouse) as con:
        folder = features.build(con, home).folder
        model_id = engine_homes.trained(home, folder)
        score.score(con, home, folder, model_id, config)
        at = datetime.now(UTC) - timedelta(days=3)
        with monkeypatch.context() as patch:
            patch.setattr(publish, "new_version", lambda home: f"{at:%Y%m%d-%H%M%S-000}")
            version = publish.publish(con, home).version
    with duckdb.connect(str(path_of(home, version)), read_only=True) as readers:
        lists = readers.execute(
            "SELECT user_id, movie_id, variant FROM recommendations WHERE rank <= 2"
        ).fetchall()
        names, reasons = readers.execute("SELECT variants, reasons FROM publication").fetchall()[0]
    users = np.array(sorted({user for user, _, _ in lists}))
    own = dict(zip(users.tolist(), np.array(names)[assigned(users, 2)].tolist(), strict=True))
    assert {user: variant for user, _, variant in lists} == own
    assert set(own.values()) == {"popularity", "popularity+diversity=0.6"}

    later = (at + timedelta(days=1)).replace(tzinfo=None)
    with warehouse(home.warehouse) as con:
        [(table,)] = con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'raw' AND table_name ~ 'ratings_\\d+'"
        ).fetchall()
        rated = [[user, movie, later] for user, movie, _ in lists if user % 2]
        con.executemany(f"INSERT INTO raw.{table} VALUES (?, ?, 4, epoch(?::TIMESTAMP)::BIGINT)", rated)
        contents.mark_changed(con)
        folder = features.build(con, home).folder
        score.score(con, home, folder, engine_homes.trained(home, folder), ScoreConfig(top_n=5))
        publish.publish(con, home)
    odd = [variant for user, variant in own.items() if user % 2]
    with duckdb.connect(os.fspath(home.serving_link.resolve()), read_only=True) as readers:
        found = readers.execute(f"SELECT {COLUMNS}, difference FROM outcomes_by_variant").fetchall()
        assert readers.execute("SELECT count(variant) FROM recommendations").fetchall() == [(0,)]
    mild, plain = odd.count("popularity+diversity=0.6"), odd.count("popularity")
    assert found == [
        ("popularity+diversity=0.6", "popularity", 5 * mild, 5 * plain, 2 * mild, 2 * plain, 0.0)
    ]
    assert reasons == "exact", "of diverse lists too: what the choice added is a part"
