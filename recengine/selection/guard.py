"""The guard of the published tables: do the new ones look like recommendations, and like the last ones?

It knows only tables, so it also catches what happens after a model was judged: a wrong file, a scoring
fault, a collapse in which everyone gets the same movies. ``guard_tables`` puts the scored tables before it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recengine.config import Home
from recengine.errors import GuardFailed
from recengine.knobs.stages import GuardConfig
from recengine.selection.gate import POPULARITY
from recengine.serving.continuity import refuse_other_movies, refuse_to_replace
from recengine.serving.versions import current_publication
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import published

log = logging.getLogger(__name__)

_LISTS = (
    "SELECT r.user_id, r.rank, r.movie_id, r.score "
    "FROM {table} AS r JOIN {users} AS u USING (user_id) WHERE u.ratings > 0"
)


class Table(Protocol):
    """Columns user_id, rank (1..N), movie_id and score: an Arrow table or a dict of arrays."""

    def __getitem__(self, column: str, /) -> Any: ...


@dataclass(frozen=True)
class GuardReport:
    """What the guard saw.

    Attributes
    ----------
    failures : list of str
        A sentence for each reason not to publish; empty if there is none.
    figures : dict of str to float
        ``users``; ``distinct_lists`` (different lists per user), ``same_list`` (share of the users with the
        most frequent list), ``head`` (share of the rows with the N most recommended movies), ``coverage``
        (share of the catalogue), ``score_mean``, ``score_sd``. With published tables also
        ``coverage_ratio`` (new to published), ``changed_lists`` (share of the users of both whose list is
        not the same), ``kept`` (mean share of their published movies that are still there),
        ``score_shift`` (of the mean, in published standard deviations) and ``score_spread``
        (new to published standard deviation).
    """

    failures: list[str]
    figures: dict[str, float]

    @property
    def ok(self) -> bool:
        """Nothing stands against the publication."""
        return not self.failures


def guard_tables(
    con: duckdb.DuckDBPyConnection, home: Home, config: GuardConfig | None = None, *, force: bool = False
) -> dict[str, float]:
    """Check ``scores.recommendations`` for collapse and for a break with what is published.

    Users without ratings are left out: they may all get one list.

    Returns
    -------
    dict of str to float
        The guard's figures (see ``GuardReport``).

    Raises
    ------
    BadInput
        Another dataset is published, and it is not forced.
    GuardFailed
        Unless forced, with every objection.
    """
    [(model, dataset)] = con.execute("SELECT model, dataset FROM scores.origin").fetchall()
    [(movies,)] = sqlfiles.run(con, "rules/films_for_all").fetchall()
    refuse_to_replace(home, dataset, force=force)
    refuse_other_movies(con, home, force=force)
    new = con.sql(_LISTS.format(table="scores.recommendations", users="core.users")).to_arrow_table()
    [(rules,)] = sqlfiles.run(con, "rules/said", rules="scores.rules").fetchall()
    old, old_model = _published(home, dataset, rules)
    why_empty = "" if new.num_rows else _why_empty(con, model)
    report = guard(new, old, config, movies=movies, model=model, old_model=old_model, why_empty=why_empty)
    if not report.ok and not force:
        raise GuardFailed(report.failures)
    for failure in report.failures:
        log.warning("publish: forced although %s", failure)
    return report.figures


def guard(
    new: Table,
    old: Table | None,
    config: GuardConfig | None = None,
    *,
    movies: int,
    model: str,
    old_model: str | None = None,
    why_empty: str = "",
) -> GuardReport:
    """Look at tables about to be published.

    Parameters
    ----------
    new : Table
        The new recommendations; leave out users without ratings, who all get the fallback.
    old : Table, optional
        The published ones; None before the first publication or if they are of another dataset.
    config : GuardConfig, optional
        Thresholds.
    movies : int
        Size M of the catalogue.
    model : str
        Name of the new tables' model. ``popularity`` may give everyone the same and cover little.
    old_model : str, optional
        Name of the published tables' model; scores are compared only between tables of one model, as each
        has its own scale.
    why_empty : str
        What a table without rows comes of, as far as it is known.

    Returns
    -------
    GuardReport
    """
    config = config or GuardConfig()
    scores = np.asarray(new["score"], dtype=np.float64)
    if not len(scores):
        return GuardReport([f"The new table has no rows{why_empty and f': {why_empty}'}."], {"users": 0.0})
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).sum())
        return GuardReport([f"{bad:,} of {len(scores):,} scores are not finite."], {})
    users, lists = _lists(new)
    figures = _own_figures(lists, movies) | {"score_mean": scores.mean(), "score_sd": scores.std()}
    if old is not None and len(np.asarray(old["score"])):
        old_users, old_lists = _lists(old)
        figures["coverage_ratio"] = figures["coverage"] / _coverage(old_lists, movies)
        figures |= _changes(users, lists, old_users, old_lists)
        if model == old_model:
            before = np.asarray(old["score"], dtype=np.float64)
            sd = max(before.std(), np.finfo(np.float32).eps)
            figures |= {
                "score_shift": (scores.mean() - before.mean()) / sd,
                "score_spread": scores.std() / sd,
            }
    failures: list[str] = []
    if len(users) >= config.min_users and movies >= config.min_catalogue * lists.shape[1]:
        failures += _collapse(figures, config, model)
    failures += _drift(figures, config, model)
    return GuardReport(failures, {name: float(figure) for name, figure in figures.items()})


def _collapse(figures: dict[str, float], config: GuardConfig, model: str) -> Iterator[str]:
    if figures["score_sd"] == 0:
        yield "Every score is the same."
    if model == POPULARITY:
        return
    if figures["same_list"] > config.max_same_list:
        yield (
            f"{figures['same_list']:.0%} of the users get one same list, more than "
            f"{config.max_same_list:.0%}."
        )
    if figures["head"] > config.max_head:
        yield (
            f"A single list's worth of movies takes {figures['head']:.0%} of all rows, more than "
            f"{config.max_head:.0%}: nearly everyone gets the same."
        )


def _drift(figures: dict[str, float], config: GuardConfig, model: str) -> Iterator[str]:
    if model != POPULARITY and figures.get("coverage_ratio", 1) < config.min_coverage_ratio:
        yield (
            f"The new lists cover {figures['coverage_ratio']:.0%} as many movies as the published ones, "
            f"less than {config.min_coverage_ratio:.0%}."
        )
    if figures["users"] >= config.min_users and figures.get("kept", 1) < config.min_kept:
        yield (
            f"Users keep {figures['kept']:.1%} of their published movies on average, less than "
            f"{config.min_kept:.1%}."
        )
    if abs(figures.get("score_shift", 0)) > config.max_score_shift:
        yield (
            f"The mean score moved by {figures['score_shift']:+.1f} of the published standard deviations, "
            f"more than {config.max_score_shift:g}."
        )
    spread = figures.get("score_spread", 1)
    if not 1 / config.max_score_spread <= spread <= config.max_score_spread:
        yield (
            f"The scores spread {spread:.2g} times as wide as the published ones; allowed is up to "
            f"{config.max_score_spread:g} times wider or narrower."
        )


def _lists(table: Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """User ids, ascending, and their lists of movie ids, shape (U, N), -1 where a list is shorter."""
    users, row = np.unique(np.asarray(table["user_id"]), return_inverse=True)
    rank = np.asarray(table["rank"]).astype(np.int64)
    lists = np.full((len(users), rank.max()), -1, dtype=np.int64)
    lists[row, rank - 1] = np.asarray(table["movie_id"])
    return users, lists


def _own_figures(lists: NDArray[np.int64], movies: int) -> dict[str, float]:
    _, users_of_list = np.unique(lists, axis=0, return_counts=True)
    _, rows_of_movie = np.unique(lists[lists >= 0], return_counts=True)
    head = np.sort(rows_of_movie)[-lists.shape[1] :].sum() / rows_of_movie.sum()
    return {
        "users": len(lists),
        "distinct_lists": len(users_of_list) / len(lists),
        "same_list": users_of_list.max() / len(lists),
        "head": head,
        "coverage": len(rows_of_movie) / movies,
    }


def _coverage(lists: NDArray[np.int64], movies: int) -> float:
    return len(np.unique(lists[lists >= 0])) / movies


def _changes(
    users: NDArray[np.int64],
    lists: NDArray[np.int64],
    old_users: NDArray[np.int64],
    old_lists: NDArray[np.int64],
) -> dict[str, float]:
    """Over the users of both tables, as far down as the shorter of both goes; nothing if there are none."""
    _, here, there = np.intersect1d(users, old_users, return_indices=True)
    if not len(here):
        return {}
    width = min(lists.shape[1], old_lists.shape[1])
    now, before = lists[here, :width], old_lists[there, :width]
    stays = np.zeros(before.shape, dtype=bool)
    for rank in range(width):  # comparing column by column is far faster than looking ids up
        stays |= before == now[:, rank, None]
    listed = before >= 0
    kept = (stays & listed).sum(axis=1) / listed.sum(axis=1)
    return {"changed_lists": float((now != before).any(axis=1).mean()), "kept": float(kept.mean())}


def _why_empty(con: duckdb.DuckDBPyConnection, model: str) -> str:
    """What no row comes of."""
    [(users, movies, unrated)] = sqlfiles.run(con, "publish/unrated").fetchall()
    if users and not unrated:
        return (
            f"every one of the {users:,} users has rated every one of the {movies:,} movies, so nothing is left to "
            "recommend; add movies to the data"
        )
    return f"{model} recommends nothing, although {unrated:,} pairs of a user and a movie are unrated"


def _published(home: Home, dataset: str, rules: str) -> tuple[pa.Table | None, str | None]:
    """The published lists and their model's name; None when they are another dataset's, or kept other rules.

    Who changes a rule wants other lists, so that what was published says nothing about the new ones.
    """
    seen = current_publication(home)
    if seen is None or seen.dataset != dataset:
        return None, None
    with published(home.serving_link) as readers:
        has_rules = readers.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'rules'").fetchall()
        kept = sqlfiles.run(readers, "rules/said", rules="rules").fetchall()[0][0] if has_rules else ""
        if kept != rules:
            log.info("publish: the rules are others than the published lists', which are not compared with")
            return None, None
        lists = readers.sql(_LISTS.format(table="recommendations", users="users")).to_arrow_table()
    return lists, seen.model
