"""What a person wants to see on a run: rows, metrics, loss curve, lists with titles, the publication.

Titles come from source files and are shown to people: every text is escaped for Markdown here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.support import pictures
from flows.support.summing import sum_up
from recengine.config import Home
from recengine.models import store
from recengine.publish import PublishReport
from recengine.selection.judgement import Judgement
from recengine.selection.verdict import Selection
from recengine.serving import queries as reading
from recengine.serving import report
from recengine.serving.escaping import for_markdown
from recengine.warehouse.history.loads import LoadReport

SAMPLE_USERS = 5

_HOW_TO_QUERY = """```sql
-- duckdb -readonly serving.duckdb
SELECT rank, title, predicted_rating FROM recommendations_detailed WHERE user_id = 1 ORDER BY rank;
```"""

_SAMPLE = f"""
SELECT
    user_id, rank, title, year, array_to_string(genres, ', ') AS genres,
    round(score, 4) AS score, round(predicted_rating, 2) AS predicted_rating
FROM recommendations_detailed
WHERE user_id IN (SELECT user_id FROM users ORDER BY user_id LIMIT {SAMPLE_USERS})
ORDER BY user_id, rank
"""


def loaded(load: LoadReport) -> None:
    """Counts of a load, and quarantined rows by reason."""
    rows = [
        ("Ratings", load.ratings),
        ("Movies", load.movies),
        ("Users", load.users),
        ("Users without attributes", load.users_without_attributes),
        ("Exact repeats dropped", load.repeated_ratings),
        ("Older ratings superseded", load.superseded_ratings),
        (
            "Files read / unchanged / removed",
            f"{load.files_read} / {load.files_unchanged} / {load.files_removed}",
        ),
        ("Ratings' scale", load.scale_evidence or ""),
        ("Rows quarantined", load.quarantined),
        *((f"Quarantined: {reason}", count) for reason, count in load.quarantined_by_reason.items()),
    ]
    text = f"# {for_markdown(load.dataset)}: {load.status}\n\n{_table(('What', 'Count'), rows)}"
    create_markdown_artifact(text, key="load", description="Rows loaded and quarantined")


def judged(judgements: dict[str, Judgement], selection: Selection) -> None:
    """The candidates' figures on the newest ratings, and the gate's decision; none where an earlier one stands."""
    metrics = ("ndcg@10", "precision@10", "recall@10", "map@10", "coverage@10", "rmse")
    rows = []
    for name, judgement in judgements.items():
        figures = [
            f"{judgement.metrics[m]:.4f} [{low:.4f}, {high:.4f}]" if m in judgement.metrics else "-"
            for m in metrics
            for low, high in [judgement.intervals.get(m, (float("nan"), float("nan")))]
        ]
        rows.append((name, judgement.recipe.model, *figures, f"{judgement.seconds:.1f}"))
    description = next((judgement.description for judgement in judgements.values()), "")
    table = _table(("Candidate", "Model", *metrics, "Seconds"), rows) if rows else ""
    text = (
        f"# {'Publish' if selection.action == 'publish' else 'Keep what is published'}: "
        f"{for_markdown(selection.recipe.model)}\n\n{for_markdown(selection.reason)}\n\n"
        f"{table}\n\n{for_markdown(description)}\n\n{for_markdown(store.said(selection.measured))}"
    )
    sum_up(text, "decision", "Candidates on the newest ratings, and the gate")


def progress(key: str, description: str) -> Callable[[int, int], None]:
    """A bar that says how far a long task is; the function takes how much is done of how much."""
    bar = cast(UUID, create_progress_artifact(0.0, key=key, description=description))

    def show(done: int, total: int) -> None:
        update_progress_artifact(bar, min(100.0, 100.0 * done / max(total, 1)))

    return show


def tuned(found: report.Tuned | None) -> None:
    """What a tuning changed and why, and its trials; nothing where nothing was searched."""
    if found is None:
        return
    tuning = found.tuning
    moved = _table(("Knob", "Value", "Gain"), found.moved) if found.moved else "Every knob stays as it was."
    title = f"# {for_markdown(tuning.model)} on {for_markdown(tuning.dataset)}"
    text = f"{title}\n\n{for_markdown(tuning.said)}\n\n{moved}"
    create_markdown_artifact(text, key="tuning", description="What the tuning changed")
    shown = [
        {name: json.dumps(trial.knobs) if name == "knobs" else getattr(trial, name) for name in _OF_A_TRIAL}
        | {"standard_error": f"{trial.standard_error:.4f}"}  # of a single user's it is infinite: no JSON
        for trial in found.trials
    ]
    create_table_artifact(
        shown, key="trials", description="The trials; ops.trials in the warehouse has them all"
    )


_OF_A_TRIAL = ("number", "knobs", "split", "mean", "gain", "standard_error", "users", "seconds", "kept")


def fitted(home: Home, model_id: str) -> None:
    """A model's metrics and its loss curve."""
    manifest = store.manifest_of(home, model_id)
    figures = [(name, f"{value:.4f}") for name, value in manifest.metrics.items() if value is not None]
    measured = for_markdown(store.said(manifest.measured))
    text = (
        f"# {model_id}\n\n{curve(manifest.history)}\n\n{measured}\n\n{_table(('Metric', 'Value'), figures)}"
    )
    create_markdown_artifact(text, key="model", description="Model metrics and loss curve")


def published(home: Home, done: PublishReport, reason: str) -> None:
    """The publication, and some users' lists with titles."""
    rows = [
        ("Version", done.version),
        ("Dataset", done.dataset),
        ("Model", done.model_id),
        ("Users", f"{done.users:,}"),
        ("Recommendations", f"{done.recommendations:,}"),
        ("Size", f"{done.megabytes:.1f} MB"),
        ("Why", reason),
    ]
    text = f"# Published\n\n{_table(('What', 'Value'), rows)}\n\n{_HOW_TO_QUERY}"
    sum_up(text, "publication", "What readers now see")
    sample = reading.sql(home, _SAMPLE)
    rows_shown = sample.astype(object).where(sample.notna(), None).to_dict("records")
    sum_up(rows_shown, "sample", f"The lists of {SAMPLE_USERS} users")


def rolled_back(home: Home, version: str) -> None:
    """What readers see after a rollback."""
    publication = reading.status(home)["publication"]
    rows = [(name, value) for name, value in publication.items() if name != "metrics"]
    text = f"# Rolled back to {version}\n\n{_table(('What', 'Value'), rows)}"
    sum_up(text, "publication", "What readers now see")


def summarised(facts: report.Facts, page: Path) -> None:
    """The night on one page: rows in, the metrics of the last nights, some lists before and now."""
    about, history = facts.publication, facts.history
    text = f"""# {for_markdown(about["dataset"])} published as {about["version"]}

{for_markdown(facts.reason)}

The whole page, with charts: {for_markdown(str(page))} on the worker's machine, or `recengine report`.

## Rows in

{_table(("What", "Count"), [(name.capitalize(), value) for name, value in report.load_rows(facts)])}

## Metrics of the last {len(history)} publications

{pictures.of_metrics(history)}

{_table(("Version", "Model", *report.METRICS, "Measured"), [_metrics_row(entry) for entry in history])}

{_rules(facts)}{_prices(facts)}## Coverage and popularity, by tenth of the catalogue (1: most rated)

{_table(("Tenth", "Of ratings", "Of recommendations", "Of its movies in any list"), _tenths(facts))}

## Lists before and now

{_table(("User", "Rank", "Before", "Now"), _lists(facts))}
"""
    sum_up(text, "night", "The night in short")


def _rules(facts: report.Facts) -> str:
    rows = report.rule_rows(facts.rules, facts.publication)
    return f"## Rules\n\n{_table(report.RULE_HEADER, rows)}\n\n" if rows else ""


def _prices(facts: report.Facts) -> str:
    rows = report.price_rows(facts.publication)
    if not rows:
        return ""
    return f"## What the lists' switches cost, at 10 rows\n\n{_table(report.PRICE_HEADER, rows)}\n\n"


def _metrics_row(entry: dict[str, Any]) -> tuple[str, ...]:
    figures = (entry["metrics"].get(name) for name in report.METRICS)
    return entry["version"], entry["model_id"], *map(_figure, figures), report.measured(entry["metrics"])


def _tenths(facts: report.Facts) -> list[tuple[object, ...]]:
    shares = ("share_of_ratings", "share_of_lists", "coverage")
    return [(row["tenth"], *(f"{row[name]:.1%}" for name in shares)) for row in facts.popularity]


def _lists(facts: report.Facts) -> list[tuple[object, ...]]:
    return [
        (user, rank, before or "", now or "")
        for user, ranked in facts.lists.items()
        for rank, now, before in ranked
    ]


def _table(header: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    """A Markdown table; what stands in its cells is shown as it is written."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else for_markdown(str(value))


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def curve(history: list[dict[str, float]]) -> str:
    """What training logged, drawn, and some of its figures."""
    if not history:
        return "This model is solved in closed form: there is no loss curve."
    names = tuple(name for name in history[0] if name != "step")
    some = [history[at] for at in pictures.spread(len(history))]
    rows = [(f"{entry['step']:.0f}", *(_figure(entry.get(name)) for name in names)) for entry in some]
    return f"{pictures.of_training(history)}\n\n{_table(('Step', *names), rows)}"
