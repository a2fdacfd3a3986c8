"""Lists under rules are those that a slow, plain search over all movies finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.knobs.stages import ScoreConfig
from recengine.models import make
from recengine.models.base import Model
from recengine.models.excluded import standardised
from recengine.rules.compiled import Compiled
from recengine.rules.files import Rule
from recengine.rules.running import ROWS, Ran
from recengine.variety.lists import Lister

N = 8
KINDS = ("exclude", "only", "boost", "cap", "pin")


@pytest.fixture(scope="module")
def model(small: Snapshot) -> Model:
    return make("ease").fit(small)


def rule_of(small: Snapshot, kind: str, seed: int, per_user: bool, most: int = 2) -> Ran:
    """Some random rows."""
    rng = np.random.default_rng(seed)
    size = {"exclude": 300, "only": 900, "boost": 200, "cap": 60, "pin": 60}[kind] if per_user else 40
    size = 3 if kind == "pin" and not per_user else size
    movies = (
        rng.choice(small.movie_ids, size) if per_user else rng.choice(small.movie_ids, size, replace=False)
    )
    users = rng.choice(small.user_ids[::2], size) if per_user else [None] * size
    rows = {
        "rule": [kind] * size,
        "user_id": [None if user is None else int(user) for user in users],
        "movie_id": movies,
        "value": [str(value) for value in rng.integers(0, 5, size)] if kind == "cap" else [None] * size,
        "weight": rng.normal(size=size) if kind == "boost" else [None] * size,
        "position": rng.integers(0, 9, size) if kind == "pin" else [None] * size,
    }
    frame = pa.table(rows, schema=ROWS).to_pandas().drop_duplicates(["user_id", "movie_id", "value"])
    table = pa.Table.from_pandas(frame, schema=ROWS, preserve_index=False)
    rule = Rule(Path(f"{kind}_{seed}.sql"), kind, "", "", {})
    named = np.array([user for user in users if user is not None], dtype=np.int64)
    return Ran(rule, table, per_user, most if kind == "cap" else None, 0, named)


def plain_list(model: Model, small: Snapshot, rules: list[Ran], user: int) -> list[int]:
    """One user's list, row by row, as the rules' words say."""
    user_id, at = small.user_ids[user], {movie: index for index, movie in enumerate(small.movie_ids)}
    scores = model.score(small, slice(user, user + 1)).float().numpy()[0].astype(np.float64)
    if any(one.rule.kind == "boost" for one in rules):
        scores = standardised(scores[None].astype(np.float32))[0]
    allowed = set(range(small.movies)) - set(small.ratings[[user]].indices.tolist())
    pins: list[int] = []
    for one in rules:
        rows = [row for row in one.rows.to_pylist() if not one.per_user or row["user_id"] == user_id]
        named = [at[row["movie_id"]] for row in rows]
        if one.rule.kind == "exclude":
            allowed -= set(named)
        if one.rule.kind == "only" and (not one.per_user or user_id in one.rows["user_id"].to_pylist()):
            allowed &= set(named)
        if one.rule.kind == "boost":
            for movie, row in zip(named, rows, strict=True):
                scores[movie] += row["weight"]
        if one.rule.kind == "pin":
            order = sorted(range(len(rows)), key=lambda i: (rows[i]["position"], named[i]))
            pins += [named[i] for i in order]
    first = [movie for movie in dict.fromkeys(pins) if movie in allowed]
    rest = sorted(allowed - set(first), key=lambda m: (-np.float32(scores[m]), m))
    return capped(
        first[:N], rest, [(one.most or 0, values_of(one, at)) for one in rules if one.rule.kind == "cap"]
    )


def values_of(cap: Ran, at: dict[int, int]) -> dict[int, set[str]]:
    """The values of each movie that has some."""
    found: dict[int, set[str]] = {}
    for row in cap.rows.to_pylist():
        found.setdefault(at[row["movie_id"]], set()).add(row["value"])
    return found


def capped(listed: list[int], rest: list[int], caps: list[tuple[int, dict[int, set[str]]]]) -> list[int]:
    """The list, filled from the rest with what all caps still allow."""
    for movie in rest:
        together = [*listed, movie]
        fits = all(
            sum(value in found.get(m, ()) for m in together) <= most
            for most, found in caps
            for value in found.get(movie, ())
        )
        if fits and len(listed) < N:
            listed.append(movie)
    return listed


@settings(deadline=None, max_examples=25)
@given(
    chosen=st.lists(
        st.tuples(st.sampled_from(KINDS), st.integers(0, 99), st.booleans()), min_size=1, max_size=4
    )
)
def test_they_are_those_of_a_plain_search(
    chosen: list[tuple[str, int, bool]], small: Snapshot, model: Model
) -> None:
    rules = [rule_of(small, kind, seed, per_user and kind != "cap") for kind, seed, per_user in chosen]
    rules.sort(key=lambda one: one.rule.name)
    compiled, lister = Compiled.over(small, rules), Lister.of(model, small, ScoreConfig())
    users = np.arange(small.users)
    listed = lister.lists(users, N, compiled.excluded, compiled.boosts, compiled.caps, compiled.pins)
    found = [row[row >= 0].tolist() for row in listed.movies]
    assert found == [plain_list(model, small, rules, user) for user in users]
    kept = np.where(np.isfinite(listed.scores), listed.scores, np.nan)
    steps = np.diff(kept, axis=1)
    assert np.all((steps <= 0) | np.isnan(steps))


def test_who_is_left_without_any_movie_is_told_before_anything_is_trained(small: Snapshot) -> None:
    nothing = rule_of(small, "only", 1, False)
    empty = Ran(nothing.rule, nothing.rows.slice(0, 0), False, None, 0, np.zeros(0, dtype=np.int64))
    with pytest.raises(
        BadInput, match=r"The rules only_1 leave 40 of 40 users without any movie, user 1 for one"
    ):
        Compiled.over(small, [empty]).check_everybody_has_a_movie(small, [empty])
    Compiled.over(small, [nothing]).check_everybody_has_a_movie(small, [nothing])


def test_a_user_with_nothing_but_unknown_movies_is_left_without_one(small: Snapshot) -> None:
    one = rule_of(small, "only", 1, True)
    user = int(small.user_ids[1])  # whom no row of the rule names
    assert user not in one.users
    other = replace(one, users=np.append(one.users, user))
    with pytest.raises(BadInput, match=f"only_1 leave 1 of 40 users without any movie, user {user} for one"):
        Compiled.over(small, [other]).check_everybody_has_a_movie(small, [other])
