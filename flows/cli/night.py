"""``recengine run``: the whole night, through Prefect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from flows.cli import console
from flows.cli.options import (
    BadShareOption,
    ForceOption,
    FromScratchOption,
    HomeOption,
    ModelOption,
    NightDatasetOption,
    RecencyOption,
    ScaleOption,
    SeedOption,
    SourceOption,
    TopNOption,
    use,
)
from flows.server import local
from recengine.config import Home, checked_dataset
from recengine.errors import BadInput, legible
from recengine.knobs.stages import IngestConfig

_HOW_TO_QUERY = """
Query them:
  recengine top {user} --home {home}
  recengine sql --home {home} "SELECT title, count(*) AS users FROM recommendations_detailed
                               GROUP BY title ORDER BY users DESC LIMIT 5"
  duckdb -readonly {link} "FROM recommendations_detailed LIMIT 5"
From Python:
  import duckdb
  duckdb.connect({literal}, read_only=True).sql("FROM recommendations_detailed LIMIT 5")
"""


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(run)


def _kept(source: Path) -> str:
    """A path that Prefect can keep with the run: what it keeps is UTF-8."""
    if legible(source) != str(source):
        raise BadInput(
            f"{source} is no UTF-8, which Prefect's notes of a run are; rename it, or give a link to it."
        )
    return str(source)


def run(
    dataset: NightDatasetOption = None,
    source: SourceOption = None,
    top_n: TopNOption = 10,
    model: ModelOption = None,
    recency: RecencyOption = "auto",
    home: HomeOption = None,
    force: ForceOption = False,
    seed: SeedOption = 0,
    from_scratch: FromScratchOption = False,
    max_bad_share: BadShareOption = 0.01,
    scale: ScaleOption = "",
) -> None:
    """The whole nightly flow, through Prefect: files in, published tables out."""
    chosen, night_dataset = use(home), checked_dataset(dataset) if dataset else "published"
    source_text = _kept(source.absolute()) if source else None
    asked: dict[str, Any] = {}
    if model is not None:  # a wrong name is told before a server starts
        from recengine.models import checked_model

        asked["model"] = checked_model(model)
    local.settle(chosen)
    with local.server():
        from flows.nightly import nightly
        from recengine.knobs.stages import ReuseConfig

    state = nightly(
        dataset=night_dataset,
        source=source_text,
        top_n=top_n,
        recency=recency,
        seed=seed,
        force=force,
        limits=IngestConfig(max_bad_share=max_bad_share, scale=scale),
        carry=ReuseConfig(from_scratch=from_scratch),
        return_state=True,
        **asked,
    )
    local.result_of(state)
    console.say(f"{state.name}: {state.message}")
    show_published(chosen)


def show_published(home: Home) -> None:
    """One user's list, and how to query all of them."""
    from recengine.serving import queries as reading

    first = int(reading.sql(home, "SELECT min(user_id) AS user_id FROM recommendations")["user_id"][0])
    console.show_list(reading.top(home, first), f"Recommendations for user {first}")
    link = home.serving_link
    print(
        _HOW_TO_QUERY.format(
            user=first, home=console.shell(home.root), link=console.shell(link), literal=repr(str(link))
        )
    )
