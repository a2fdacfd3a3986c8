"""The morning's page: what the last publication was made of, and how it differs from the one before.

``gather`` collects the facts, ``page`` writes them as one self-contained HTML file with its charts inside: no
script, no link to anywhere, so it can be mailed or kept.
"""

from __future__ import annotations

import html
import io
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from matplotlib.figure import Figure

from recengine.config import Home
from recengine.errors import NotReady
from recengine.models import store
from recengine.runtime.durable import new_file
from recengine.serving.versions import current_version, versions
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import damage_told

log = logging.getLogger(__name__)

NIGHTS = 14
USERS = 5
METRICS = ("ndcg@10", "recall@10", "coverage@10", "rmse")

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b2733;
margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; margin: .6rem 0; }
td, th { border-bottom: 1px solid #d8dee4; padding: .25rem .8rem; text-align: left; vertical-align: top; }
 td.n { text-align: right; font-variant-numeric: tabular-nums; }
.new { color: #116329; font-weight: 600; } svg { max-width: 100%; height: auto; } p.why { color: #57606a; }
"""


@dataclass(frozen=True)
class Night:
    """The facts of a publication.

    Attributes
    ----------
    publication : dict
        The row that the published file says of itself.
    reason : str
        Why it was published.
    load : dict
        Counts of the load it was made from; empty where that is no longer known.
    history : list of dict
        The last publications, oldest first: version, happened_at, model_id, metrics.
    curve : list of dict
        What training logged per step; empty for models solved in closed form.
    popularity : list of dict
        Per tenth of the catalogue, most rated first: share_of_ratings, share_of_lists, coverage.
    lists : dict of int to list of tuple
        Per user (rank, movie now, movie before or None).
    before : str or None
        The version before, if it is kept.
    """

    publication: dict[str, Any]
    reason: str
    load: dict[str, Any]
    history: list[dict[str, Any]]
    curve: list[dict[str, float]]
    popularity: list[dict[str, float]]
    lists: dict[int, list[tuple[int, str | None, str | None]]]
    before: str | None


def gather(con: duckdb.DuckDBPyConnection, home: Home) -> Night:
    """Collect the facts of what is published.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse.
    home : Home
        Whose publication.

    Raises
    ------
    NotReady
        Nothing is published.
    """
    version = current_version(home)
    if version is None:
        raise NotReady(f"Nothing is published under {home.root} yet", "run `recengine run` first")
    before = _before(con, home, version)
    with _attached(con, home, version, before):
        [publication] = _rows(con.execute("FROM published.publication"))
        publication["metrics"] = json.loads(publication["metrics"])
        popularity = _rows(sqlfiles.run(con, "report/popularity"))
        lists = _lists(con, before is not None)
    history = _rows(sqlfiles.run(con, "report/history", {"n": NIGHTS}))
    for entry in history:
        entry["metrics"] = json.loads(entry["metrics"])
    reasons = con.execute(
        "SELECT reason FROM ops.publications WHERE version = ? AND action IN ('published', 'found')",
        [version],
    ).fetchone()
    loads = _rows(
        con.execute(
            "FROM ops.loads WHERE input_fingerprint = ? AND status <> 'failed' "
            "ORDER BY started_at DESC LIMIT 1",
            [publication["input_fingerprint"]],
        )
    )
    stored = (home.models / publication["model_id"]).exists()
    return Night(
        publication=publication,
        reason=reasons[0] if reasons else "",
        load=loads[0] if loads else {},
        history=history,
        curve=store.manifest_of(home, publication["model_id"]).history if stored else [],
        popularity=popularity,
        lists=lists,
        before=before,
    )


def write(con: duckdb.DuckDBPyConnection, home: Home, keep: int = NIGHTS) -> Path:
    """Write the page to ``reports/<version>.html`` and drop the oldest; returns its path."""
    night = gather(con, home)
    home.reports.mkdir(mode=0o750, exist_ok=True)
    path = home.reports / f"{night.publication['version']}.html"
    with new_file(path) as partial:
        partial.write_text(page(night), encoding="utf-8")
    for old in sorted(home.reports.glob("*.html"))[:-keep]:
        old.unlink()
    log.info("report: %s, %.2f MB", path, path.stat().st_size / 1e6)
    return path


def page(night: Night) -> str:
    """A night as one HTML page; every text from the data is escaped."""
    about = night.publication
    parts = [
        f"<h1>{_text(about['dataset'])}: version {_text(about['version'])}</h1>",
        f'<p class="why">{_text(night.reason)}</p>',
        "<h2>Published</h2>",
        _table(("", ""), [(name.replace("_", " "), about[name]) for name in _ABOUT if name in about]),
        "<h2>Rows in</h2>",
        _table(("", ""), load_rows(night)),
        "<h2>Metrics on held-out ratings</h2>",
        _metrics_chart(night.history),
        _table(("version", "model", *METRICS, "measured"), [_history_row(entry) for entry in night.history]),
        "<h2>Training</h2>",
        _curve_chart(night.curve),
        "<h2>Coverage and popularity</h2>",
        _popularity_chart(night.popularity),
        f"<h2>Five users, before ({_text(night.before or 'nothing kept')}) and now</h2>",
        *(_list(user, rows) for user, rows in night.lists.items()),
    ]
    title = f"{_text(about['dataset'])} {_text(about['version'])}"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>\n"


def load_rows(night: Night) -> list[tuple[str, Any]]:
    """What was loaded, and what was quarantined by reason."""
    if not night.load:
        return [("load", "no longer known")]
    named = [
        (name.replace("_", " "), night.load[name]) for name in _LOADED if night.load.get(name) is not None
    ]
    reasons = json.loads(night.load["quarantined_by_reason"] or "{}")
    return [*named, *((f"quarantined: {reason}", count) for reason, count in reasons.items())]


_ABOUT = ("dataset", "model_id", "top_n", "users", "recommendations", "generated_at", "input_fingerprint")
_LOADED = (
    *("ratings", "movies", "users", "users_without_attributes", "repeated_ratings", "quarantined"),
    "scale_evidence",
)


def _lists(
    con: duckdb.DuckDBPyConnection, has_before: bool
) -> dict[int, list[tuple[int, str | None, str | None]]]:
    now = sqlfiles.run(con, "report/lists", {"n": USERS}, schema="published").fetchall()
    then = sqlfiles.run(con, "report/lists", {"n": USERS}, schema="earlier").fetchall() if has_before else []
    new, old = ({(user, rank): movie for user, rank, movie in rows} for rows in (now, then))
    found: dict[int, list[tuple[int, str | None, str | None]]] = {}
    for user, rank in sorted(new | old):
        found.setdefault(user, []).append((rank, new.get((user, rank)), old.get((user, rank))))
    return found


def _before(con: duckdb.DuckDBPyConnection, home: Home, version: str) -> str | None:
    """The publication before a version, if its file is kept."""
    rows = con.execute(
        "SELECT version FROM ops.publications WHERE action IN ('published', 'found') AND version < ? ORDER BY 1 DESC",
        [version],
    ).fetchall()
    kept = versions(home)
    return next((older for (older,) in rows if older in kept), None)


@contextmanager
def _attached(con: duckdb.DuckDBPyConnection, home: Home, version: str, before: str | None) -> Iterator[None]:
    names = {"published": version} | ({"earlier": before} if before else {})
    for name, file in names.items():
        path = home.serving / f"serving-{file}.duckdb"
        with damage_told(path):
            con.execute(f"ATTACH {sqlfiles.path_literal(path)} AS {name} (READ_ONLY)")
    try:
        with damage_told(home.serving_link):
            yield
    finally:
        for name in names:
            con.execute(f"DETACH {name}")


def _rows(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _history_row(entry: dict[str, Any]) -> tuple[Any, ...]:
    figures = (entry["metrics"].get(name) for name in METRICS)
    shown = ("" if v is None else f"{v:.4f}" for v in figures)
    return entry["version"], entry["model_id"], *shown, measured(entry["metrics"])


def measured(figures: dict[str, Any]) -> str:
    """When and on what a publication's metrics were measured; of what, where that is another model."""
    if "measured_at" not in figures:
        return "not recorded"
    return "{measured_at}: {measured_model} on {measured_on}, {measured_users:,} users".format(**figures)


def _metrics_chart(history: list[dict[str, Any]]) -> str:
    figure = Figure(figsize=(9, 2.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(METRICS)), METRICS, strict=True):
        values = [entry["metrics"].get(name) for entry in history]
        axes.plot(range(1, len(values) + 1), [float("nan") if v is None else v for v in values], "o-", ms=3)
        axes.set_title(name, fontsize=9)
        axes.set_xticks([])
        axes.tick_params(labelsize=8)
    return _svg(figure)


def _curve_chart(curve: list[dict[str, float]]) -> str:
    if not curve:
        return "<p>This model is solved in closed form: there is no loss curve.</p>"
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    for name in (name for name in curve[0] if name != "step"):
        values = [entry.get(name, float("nan")) for entry in curve]
        axes.plot([entry["step"] for entry in curve], values, label=name)
    axes.set_xlabel("step", fontsize=8)
    axes.legend(fontsize=8)
    return _svg(figure)


def _popularity_chart(popularity: list[dict[str, float]]) -> str:
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    tenths = [row["tenth"] for row in popularity]
    left.plot(tenths, [row["share_of_ratings"] for row in popularity], "o-", ms=3, label="of ratings")
    left.plot(tenths, [row["share_of_lists"] for row in popularity], "o-", ms=3, label="of recommendations")
    left.set_title("Share by tenth of the catalogue (1: most rated)", fontsize=9)
    left.legend(fontsize=8)
    right.bar(tenths, [row["coverage"] for row in popularity])
    right.set_ylim(0, 1)
    right.set_title("Share of the tenth's movies in any list", fontsize=9)
    return _svg(figure)


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()[out.getvalue().index("<svg") :]


def _list(user: int, rows: Sequence[tuple[int, str | None, str | None]]) -> str:
    known = {before for _, _, before in rows}
    marked = []
    for rank, now, before in rows:
        mark = "" if now in known else " class=new"
        marked.append(
            f"<tr><td class=n>{rank}</td><td>{_text(before or '')}</td><td{mark}>{_text(now or '')}</td></tr>"
        )
    return f"<h3>User {user}</h3><table><tr><th>rank<th>before<th>now</tr>{''.join(marked)}</table>"


def _table(header: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in header) if any(header) else ""
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else _text(value)


def _text(value: Any) -> str:
    """Text that HTML shows as it is written, without control characters."""
    return html.escape("".join(c if c.isprintable() else "�" for c in str(value)))
