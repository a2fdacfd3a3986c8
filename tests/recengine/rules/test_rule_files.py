"""A folder of rules: what is read, and the one sentence that each mistake gets."""

from __future__ import annotations

from pathlib import Path

import duckdb
import engine_homes
import pytest

from recengine import features
from recengine.errors import BadInput
from recengine.rules.files import fingerprint_of, parsed_parameters, rules_in
from recengine.rules.running import Ran, ran


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = engine_homes.core_of()
    features.snapshot(con)
    return con


def ran_of(folder: Path, con: duckdb.DuckDBPyConnection, name: str, text: str, **told: object) -> Ran:
    (folder / name).write_text(text, encoding="utf-8")
    [one] = ran(con, rules_in(folder, told))
    return one


def test_no_folder_is_no_rules(tmp_path: Path) -> None:
    assert rules_in(None, {}) == []
    assert fingerprint_of([]) == ""


def test_a_rule_says_what_it_is_and_what_it_names(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    text = (
        "-- Nothing old\n-- for anybody.\n-- parameter: year = 1990\n"
        "SELECT movie_id FROM core.movies WHERE year < $year -- old;\n;"
    )
    one = ran_of(tmp_path, con, "exclude_old.sql", text)
    assert (one.rule.name, one.rule.kind, one.rule.about) == (
        "exclude_old",
        "exclude",
        "Nothing old for anybody.",
    )
    assert (one.rows["movie_id"].to_pylist(), one.per_user, one.unknown) == ([20], False, 0)
    later = ran_of(tmp_path, con, "exclude_old.sql", text, year=2000)
    assert later.rows["movie_id"].to_pylist() == [10, 20]
    assert fingerprint_of([one.rule]) != fingerprint_of([later.rule])


def test_what_is_named_twice_or_not_there(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    one = ran_of(
        tmp_path,
        con,
        "boost_some.sql",
        "FROM (VALUES (1, 10, 0.5), (1, 10, 0.25), (9, 10, 1), (1, 99, 1), (NULL, 10, 1), (1, NULL, 1)) "
        "AS t(user_id, movie_id, weight)",
    )
    assert one.rows.select(["user_id", "movie_id", "weight"]).to_pylist() == [
        {"user_id": 1, "movie_id": 10, "weight": 0.75}
    ]
    assert one.unknown == 4


MISTAKES = {
    "hide_x.sql": ("SELECT 1 AS movie_id", "is no rule: its name must be one of exclude_"),
    "exclude.sql": ("SELECT 1 AS movie_id", "is no rule: its name must be one of exclude_"),
    "exclude_a.sql": ("SELECT movie_id FRM core.movies", "cannot be read as SQL"),
    "exclude_b.sql": ("SELECT 1 AS movie_id; SELECT 2 AS movie_id", "must be one SELECT"),
    "exclude_c.sql": ("DELETE FROM core.movies", "must be one SELECT"),
    "exclude_d.sql": ("-- nothing but this", "must be one SELECT"),
    "exclude_e.sql": ("SELECT movie FROM core.movies", "cannot be run (Binder Error"),
    "exclude_f.sql": (
        "SELECT title FROM core.movies",
        "gives the columns title; a rule of this kind must give movie_id",
    ),
    "only_g.sql": ("SELECT movie_id, title FROM core.movies", "and may give user_id, and nothing else"),
    "exclude_h.sql": ("SELECT 'ten' AS movie_id", "gives values that are none of its columns'"),
    "boost_i.sql": ("SELECT movie_id, NULL::DOUBLE AS weight FROM core.movies", "gives rows without weight"),
    "boost_j.sql": ("SELECT movie_id, 'inf'::DOUBLE AS weight FROM core.movies", "about 1 is strong"),
    "cap_k.sql": (
        "SELECT movie_id, title AS value, 0 AS most FROM core.movies",
        "one whole number, 1 at least",
    ),
    "cap_l.sql": ("SELECT movie_id, title AS value, movie_id AS most FROM core.movies", "one whole number"),
    "exclude_m.sql": ("SELECT $k AS movie_id", "takes the parameter k, which has no value"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_that_names_the_file(
    name: str, tmp_path: Path, con: duckdb.DuckDBPyConnection
) -> None:
    text, sentence = MISTAKES[name]
    movies = con.execute("SELECT count(*) FROM core.movies").fetchall()
    with pytest.raises(BadInput) as caught:
        ran_of(tmp_path, con, name, text)
    assert str(tmp_path / name) in str(caught.value)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert con.execute("SELECT count(*) FROM core.movies").fetchall() == movies


def test_a_parameter_that_no_rule_takes_and_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No rule takes the parameter yaer"):
        rules_in(tmp_path, {"yaer": 1})
    with pytest.raises(BadInput, match="is no folder of rules"):
        rules_in(tmp_path / "nowhere", {})


def test_parameters_are_numbers_truths_and_texts() -> None:
    told = parsed_parameters(["a=1", "b = 2.5", "c=true", "d=Sci-Fi", 'e="7"'])
    assert told == {"a": 1, "b": 2.5, "c": True, "d": "Sci-Fi", "e": "7"}
    with pytest.raises(BadInput, match="write name=value"):
        parsed_parameters(["nothing"])
