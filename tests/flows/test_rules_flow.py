"""Rules through the night: what publishes, what changes nothing, and what ends it before anything is trained."""

from __future__ import annotations

from pathlib import Path

import duckdb
from flow_runs import start, tasks_of
from prefect.client.orchestration import SyncPrefectClient

from flows.nightly import nightly
from recengine.config import Home
from recengine.errors import BadInput
from recengine.serving.versions import current_version

EXAMPLES = Path(__file__).parents[2] / "docs/examples/rules"
OLD = "(SELECT max(year(rated_at)) FROM ratings) - 25"

# What no published table may hold under the three shipped examples, with years=25 and most=2.
BROKEN = {
    "an old film for a known user": f"FROM recommendations_detailed WHERE year <= {OLD}",
    "an old film for a new user": f"FROM popular_movies_detailed WHERE year <= {OLD}",
    "a film for adults for a child": "FROM recommendations_detailed JOIN users USING (user_id) "
    "WHERE age < 18 AND list_has_any(genres, ['Horror', 'Crime', 'Film-Noir'])",
    "three of a genre": "FROM (SELECT user_id, unnest(genres) AS genre FROM recommendations_detailed) "
    "GROUP BY user_id, genre HAVING count(*) > 2",
}


def test_a_night_keeps_the_shipped_examples_and_a_broken_rule_ends_it_before_training(
    client: SyncPrefectClient, home: Home, demo: Path
) -> None:
    asked = {"source": str(demo), "model": "ease", "top_n": 5, "rule_parameters": ["years=25", "most=2"]}
    (home.root / "rules").mkdir()
    for file in EXAMPLES.glob("*.sql"):
        (home.root / "rules" / file.name).write_text(file.read_text())
    _, state = start(client, nightly, **asked)
    assert state.name == "Published", state.message
    first = current_version(home)
    with duckdb.connect(str(home.serving_link), read_only=True) as con:
        assert con.sql("SELECT count(*) FROM rules WHERE rows_named > 0").fetchall() == [(3,)]
        found = {what: con.sql(query).fetchall() for what, query in BROKEN.items()}
    assert not any(found.values()), found

    _, state = start(client, nightly, **asked)
    assert (state.name, current_version(home)) == ("Unchanged", first)

    cap = home.root / "rules/cap_genres.sql"
    cap.write_text(cap.read_text() + "\nWHERE movie_id > 3")
    _, state = start(client, nightly, **asked)
    assert state.name == "Published", state.message
    second = current_version(home)
    assert second != first

    (home.root / "rules/only_none.sql").write_text("SELECT 0 AS movie_id")
    run, state = start(client, nightly, **asked)
    assert state.is_failed()
    assert isinstance(state.result(raise_on_failure=False), BadInput)
    assert "only_none" in str(state.message)
    assert "users without any movie" in str(state.message)
    assert set(tasks_of(client, run)) == {
        "ingest files",
        "check for changes",
        "build features",
        "check rules",
    }
    assert current_version(home) == second
