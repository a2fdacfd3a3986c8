"""A folder of rules: what is read, and the one sentence that each mistake gets."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import engine_homes
import pytest

from recengine import features
from recengine.errors import BadInput
from recengine.knobs.stages import ScoreConfig
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


def test_a_film_of_two_ids_is_preferred_once(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("INSERT INTO features.twins VALUES (20, 10)")
    query = "FROM (VALUES (10, 0.5), (20, 0.5), (20, 0.25)) AS t(movie_id, weight)"
    one = ran_of(tmp_path, con, "boost_some.sql", query)
    assert one.rows.select(["movie_id", "weight"]).to_pylist() == [{"movie_id": 10, "weight": 0.75}]


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
    "boost_k.sql": ("SELECT movie_id, -2e6 AS weight FROM core.movies", "about 1 is strong"),
    "cap_k.sql": (
        "SELECT movie_id, title AS value, 0 AS most FROM core.movies",
        "one whole number, 1 to 1,000,000",
    ),
    "cap_l.sql": ("SELECT movie_id, title AS value, movie_id AS most FROM core.movies", "one whole number"),
    "exclude_m.sql": ("SELECT $k AS movie_id", "takes the parameter k, which has no value"),
    "exclude_n.sql": ("SELECT ? AS movie_id", "takes a parameter by its place, 1; give it a name"),
    "exclude_o.sql": (
        "-- parameter: yaer = 1\nSELECT 1 AS movie_id",
        "says what yaer is, and its query takes no $yaer",
    ),
    "exclude_p.sql": ("-- parameter: k = null\nSELECT $k AS movie_id", "the parameter k, which has no value"),
    "exclude_q.sql": ("", "must be one SELECT"),
    "exclude_r.sql": (
        "WITH x AS (DELETE FROM core.movies RETURNING movie_id) FROM x",
        "cannot be run (Binder Error: WITH clause containing a data-modifying statement",
    ),
    "exclude_s.sql": ("COPY core.movies TO 'movies.csv'", "must be one SELECT"),
    "exclude_t.sql": ("ATTACH 'other.duckdb'", "must be one SELECT"),
    "exclude_u.sql": ("SET threads = 1", "must be one SELECT"),
    "exclude_v.sql": ("CREATE TABLE core.x AS SELECT 1 AS movie_id", "must be one SELECT"),
    "exclude_w.sql": ("SELECT 1 AS movie_id) UNION (SELECT 2", "cannot be read as SQL"),
    "exclude_x.sql": ("SELECT 1.5 AS movie_id", "gives movie_id as decimal128(2, 1), not as a whole number"),
    "exclude_y.sql": ("SELECT 1e0 AS movie_id", "gives movie_id as double, not as a whole number"),
    "exclude_z.sql": ("SELECT 1 AS movie_id, 2 AS movie_id", "gives the columns movie_id, movie_id"),
    "boost_n.sql": ("SELECT movie_id, 'nan'::DOUBLE AS weight FROM core.movies", "is no number or beyond"),
    "boost_o.sql": ("SELECT movie_id, '-inf'::DOUBLE AS weight FROM core.movies", "is no number or beyond"),
    "boost_p.sql": ("SELECT movie_id, 'a lot' AS weight FROM core.movies", "none of its columns'"),
    "cap_n.sql": ("SELECT movie_id, NULL AS value, 1 AS most FROM core.movies", "gives rows without value"),
    "cap_o.sql": (
        "SELECT movie_id, title AS value, NULL AS most FROM core.movies",
        "one whole number, 1 to 1,000,000",
    ),
    "cap_p.sql": ("SELECT movie_id, title AS value, true AS most FROM core.movies", "one whole number"),
    "cap_q.sql": ("SELECT movie_id, title AS value, 3000000000 AS most FROM core.movies", "one whole number"),
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


WRITTEN = [
    "SELECT 10 AS movie_id;",
    "SELECT 10 AS movie_id;;; -- that; was it\n;",
    ";;SELECT 10 AS movie_id /* a; b */ ; /* ü; */",
    "/* 'ü;' */ SELECT 10 AS movie_id WHERE ';' <> $$;'$$",
    "WITH ten AS (SELECT 10 AS movie_id) FROM ten -- ;",
    "SELECT MOVIE_ID AS Movie_Id FROM core.movies ORDER BY 1 LIMIT 1",
    "VALUES (10, 1) UNION ALL SELECT 10, 2 ORDER BY 2",
    "SELECT '10' AS movie_id",
    "SELECT sum(movie_id) AS movie_id FROM core.movies WHERE movie_id = 10",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_one_select_is_taken_however_it_is_written(
    text: str, tmp_path: Path, con: duckdb.DuckDBPyConnection
) -> None:
    text = f"SELECT col0 AS movie_id FROM ({text})" if text.startswith("VALUES") else text
    one = ran_of(tmp_path, con, "exclude_ten.sql", text)
    assert one.rows["movie_id"].to_pylist() == [10]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("'it''s; one'", "it's; one"),
        ("it's", "it's"),
        ('["a", "b, c=d"]', ["a", "b, c=d"]),
        ("'", "'"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("'; DROP TABLE core.movies; --", "'; DROP TABLE core.movies; --"),
    ],
)
def test_a_parameter_is_a_value_and_never_a_part_of_the_query(
    said: str, value: object, tmp_path: Path, con: duckdb.DuckDBPyConnection
) -> None:
    text = f"-- parameter: k = {said}\nSELECT movie_id FROM core.movies WHERE $k IS NOT NULL"
    one = ran_of(tmp_path, con, "exclude_k.sql", text)
    assert one.rule.parameters == {"k": value}
    assert one.rows["movie_id"].to_pylist() == [10, 20, 30]
    assert fingerprint_of([one.rule])


def test_in_one_line_a_comma_parts_parameters_only_before_another_name() -> None:
    told = ScoreConfig(rule_parameters='genres=["Horror", "War"], years=5 , said=one, two,')
    assert parsed_parameters(told.rule_parameters) == {
        "genres": ["Horror", "War"],
        "years": 5,
        "said": "one, two",
    }


def test_what_is_a_rule_of_a_folder(tmp_path: Path) -> None:
    for name in (
        "exclude_a.SQL",
        'pin_it\'s "odd" 100% ü.sql',
        "README.md",
        ".exclude_b.sql",
        "exclude_c.sql.off",
    ):
        (tmp_path / name).write_text("SELECT 1 AS movie_id")
    (tmp_path / "exclude_folder.sql").mkdir()
    (tmp_path / "old").mkdir()
    (tmp_path / "old/exclude_d.sql").write_text("none")
    assert [rule.name for rule in rules_in(tmp_path, {})] == ["exclude_a", 'pin_it\'s "odd" 100% ü']
    (tmp_path / "exclude_a.sql").write_text("SELECT 2 AS movie_id")
    with pytest.raises(BadInput, match="Two rules are called exclude_a; rename"):
        rules_in(tmp_path, {})


@pytest.mark.parametrize("name", ["exclude_a\nb.sql", "Exclude_a.sql", "exclude_.sql", "excluded_a.sql"])
def test_a_name_that_no_rule_has_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("SELECT 1 AS movie_id")
    with pytest.raises(BadInput, match=r"is no rule.*: its name must be one of exclude_") as caught:
        rules_in(tmp_path, {})
    assert "\n" not in str(caught.value)


def test_a_name_that_is_no_text_is_kept_readable(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / os.fsdecode(b"exclude_\xff.sql")).write_text("SELECT 10 AS movie_id")
    [one] = ran(con, rules_in(tmp_path, {}))
    assert one.rows["rule"].to_pylist() == ["exclude_\\xff"]


def test_a_file_that_is_not_utf_8_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "exclude_a.sql").write_bytes("SELECT 1 AS movie_id -- ü".encode("latin-1"))
    with pytest.raises(BadInput, match=r"exclude_a\.sql is not written in UTF-8; save it as UTF-8"):
        rules_in(tmp_path, {})


def test_many_pins_for_everybody_are_refused(tmp_path: Path) -> None:
    many = engine_homes.core_of(
        [(id, str(id), None, []) for id in range(1, 150)], ratings=[(1, 1, 5.0, "2020-01-01")]
    )
    features.snapshot(many)
    with pytest.raises(BadInput, match="pins 149 movies for everybody, more than 100"):
        ran_of(tmp_path, many, "pin_all.sql", "SELECT movie_id FROM core.movies")
    assert ran_of(tmp_path, many, "pin_all.sql", "SELECT 1 AS movie_id FROM range(200)").rows.num_rows == 1


def test_a_rule_that_names_nothing_is_said(
    tmp_path: Path, con: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture
) -> None:
    con.execute("UPDATE core.users SET age = NULL")  # as where there is no file of users
    young = "SELECT user_id, movie_id FROM core.users, core.movies WHERE age < 18"
    assert not ran_of(tmp_path, con, "exclude_young.sql", young).rows.num_rows
    assert caplog.messages == ["rules: exclude_young names nobody and nothing known"]


def test_who_is_named_with_unknown_movies_only_is_not_free(
    tmp_path: Path, con: duckdb.DuckDBPyConnection
) -> None:
    one = ran_of(
        tmp_path,
        con,
        "only_a.sql",
        "FROM (VALUES (1, 99), (2, NULL), (3, 10), (8, 10)) AS t(user_id, movie_id)",
    )
    assert (one.users.tolist(), one.unknown, one.rows["user_id"].to_pylist()) == ([1, 2, 3, 8], 3, [3])
