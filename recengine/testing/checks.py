"""What every model must keep, whatever its mathematics: one function each, failing with an ``AssertionError``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from pydantic import ValidationError
from scipy.sparse import csr_array

from recengine import score
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.metrics import rmse
from recengine.evaluation.splits import Split
from recengine.models import store
from recengine.models.base import Model
from recengine.runtime.resources import MEMORY_LIMIT
from recengine.testing.excluding import groups_have_their_best, what_is_excluded_is_not_listed
from recengine.testing.explained import parts_of_a_score_add_up
from recengine.testing.planted import snapshot
from recengine.testing.subject import NotApplicable, Subject, many, require, require_sound, table

Check = Callable[[Subject], None]


def its_config_has_a_seed_and_refuses_unknown_knobs(subject: Subject) -> None:
    """A knob that is misspelt must not be taken for one."""
    require(subject.quick().config.seed == 3, "the config has no seed of its own")
    try:
        subject.quick(nonsense=1)
    except ValidationError:
        return
    raise AssertionError("the config takes the unknown knob 'nonsense'")


def lists_are_exact(subject: Subject) -> None:
    """N unseen movies per user, or all that are left, by falling scores."""
    for n in (1, 10, 60):
        require_sound(table(subject.fitted, subject.small, n), subject.small, n)


def a_user_alone_gets_the_same_as_among_others(subject: Subject) -> None:
    """A block of users is how it is computed, not what."""
    together = table(subject.fitted, subject.small)
    single = pa.concat_tables(
        table(subject.fitted, subject.small, users=slice(user, user + 1))
        for user in range(subject.small.users)
    )
    require(single["movie_id"].equals(together["movie_id"]), "another list alone than in a block")
    require(single["predicted_rating"].null_count == together["predicted_rating"].null_count, "other stars")
    for column in ("score", "predicted_rating"):
        alone, among = (found[column].to_numpy().astype(np.float64) for found in (single, together))
        np.testing.assert_allclose(alone, among, rtol=1e-5, atol=1e-6)


def stars_do_not_depend_on_the_order(subject: Subject) -> None:
    """Predicted stars are of the pair alone, float32; no pairs give none."""
    model, data, rng = subject.fitted, subject.small, np.random.default_rng(0)
    users, movies = rng.integers(0, data.users, 300), rng.integers(0, data.movies, 300)
    stars, order = subject.predict(model, data, users, movies), rng.permutation(300)
    require(stars.shape == (300,) and stars.dtype == np.float32, "stars are not float32 of the pairs' shape")
    again = subject.predict(model, data, users[order], movies[order])
    np.testing.assert_allclose(again, stars[order], rtol=1e-6)
    require(subject.predict(model, data, users[:0], movies[:0]).shape == (0,), "no pairs have stars")


def stored_and_loaded_it_is_the_same(subject: Subject) -> None:
    """What ``state`` gives and the config are all that is needed to score again."""
    model, data = subject.fitted, subject.small
    with TemporaryDirectory() as folder:
        home = Home.at(Path(folder) / "home")
        manifest = store.Manifest.of(model, data, seconds=1.0, history=model.history)
        store.save(home, model, manifest, data)
        again = store.load(home, manifest.model_id)
        require((type(again), again.config) == (type(model), model.config), "another config when loaded")
        require(again.history == model.history, "another history when loaded")
        require(table(again, data).equals(table(model, data)), "other lists when loaded")


def the_same_seed_gives_the_same_table(subject: Subject) -> None:
    """Bit for bit, whatever others drew from the global generators before."""
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    again = subject.quick().fit(subject.small)
    require(
        table(again, subject.small).equals(table(subject.fitted, subject.small)),
        "a second fit gives other lists: draw from a generator of config.seed, and let no threads race",
    )


def fitting_leaves_the_snapshot_alone(subject: Subject) -> None:
    """Others read the same arrays."""
    own = subject.small.where(np.ones(subject.small.ratings.nnz, dtype=bool))  # writable arrays
    before = own.ratings.data.copy(), own.ratings.indices.copy(), own.genre_counts.toarray()
    table(subject.quick().fit(own), own)
    after = own.ratings.data, own.ratings.indices, own.genre_counts.toarray()
    require(all(map(np.array_equal, before, after)), "fit or score changed the snapshot")


def scoring_twice_gives_the_same(subject: Subject) -> None:
    """A model that hands out its own tensor must not see the masks of the last block."""
    data = subject.small
    require(table(subject.fitted, data).equals(table(subject.fitted, data)), "other lists when scored again")


def lists_of(model: Model, split: Split) -> float:
    """nDCG@10 of a fitted model."""
    return evaluate(model, split, ks=(10,), bootstrap=Bootstrap(draws=100)).metrics["ndcg@10"]


def lists_are_better_than_chance(subject: Subject) -> None:
    """On planted tastes, a quarter held out; a built-in model has a higher floor of its own."""
    found = lists_of(subject.learned, subject.split)
    require(found > subject.lists, f"nDCG@10 is {found:.3f} on planted tastes, {subject.lists} is the least")


def stars_are_better_than_the_mean(subject: Subject) -> None:
    """On planted tastes, where the mean of all ratings is wrong by 1.17 stars."""
    test = subject.split.test
    stars = subject.predict(subject.learned, subject.split.train, test.user_index, test.movie_index)
    found = rmse(test.rating, stars)
    require(found < subject.stars, f"the stars' error is {found:.3f}, {subject.stars} is the largest")


def all_users_are_never_dense(subject: Subject) -> None:
    """Neither fitting nor making everybody's lists takes what users x movies would."""
    data = many()
    with _memory_limit("100MB"):
        _ = subject.fitted  # compiled, and the libraries have their own buffers

        def night() -> None:
            model = subject.quick(**subject.short).fit(data)
            rows = sum(len(batch) for batch in score.recommend(model, data, 3))
            require(rows == 3 * data.users, "not every user has 3 rows")

        peak = peak_since(night)
    dense = data.users * data.movies * 4
    require(peak < dense, f"{peak / 1e6:.0f} MB at most, users x movies are {dense / 1e6:.0f} MB")


@contextmanager
def _memory_limit(text: str) -> Iterator[None]:
    before = os.environ.get(MEMORY_LIMIT)
    os.environ[MEMORY_LIMIT] = text
    try:
        yield
    finally:
        del os.environ[MEMORY_LIMIT]
        if before is not None:
            os.environ[MEMORY_LIMIT] = before


def peak_since(work: Callable[[], Any]) -> int:
    """Bytes by which some work raises this process's memory at most.

    Raises
    ------
    NotApplicable
        This system keeps no high-water mark that can begin anew.
    """
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    try:
        reset.write_text("5")  # the high-water mark begins anew: proc(5)
    except OSError:
        raise NotApplicable("this system keeps no high-water mark that can begin anew") from None

    def kilobytes(name: str) -> int:
        return int(next(line for line in status.read_text().splitlines() if line.startswith(name)).split()[1])

    before = kilobytes("VmRSS")
    work()
    return (kilobytes("VmHWM") - before) * 1024


def _fits(subject: Subject, data: Snapshot, n: int) -> Model:
    model = subject.quick().fit(data)
    require_sound(table(model, data, n), data, n)
    return model


def it_needs_no_demographics(subject: Subject) -> None:
    """Most data has none."""
    _fits(subject, _bare(subject.small), 10)


def it_needs_no_features_at_all(subject: Subject) -> None:
    """Neither genres nor years."""
    bare = _bare(subject.small)
    nothing = csr_array((bare.movies, 0), dtype=np.float32)
    counts = csr_array((bare.users, 0), dtype=np.float32)
    _fits(subject, replace(bare, movie_features=nothing, movie_columns=(), genre_counts=counts), 10)


def _bare(data: Snapshot) -> Snapshot:
    none = csr_array((data.users, 0), dtype=np.float32)
    return replace(data, user_features=none, user_columns=())


def users_and_movies_may_have_no_ratings(subject: Subject) -> None:
    """As in every training part of a split."""
    data = subject.small
    users, movies = data.rating_users, data.ratings.indices
    part = data.where((users % 4 != 1) & (movies % 5 != 2) & (users != data.users - 1))
    model = _fits(subject, part, 10)
    stars = model.predict(part, np.array([1, 1, 0]), np.array([2, 0, 2]))
    require(stars is None or np.isfinite(stars).all(), "stars of who has no ratings are not finite")


TINY = {
    "one rating": [[4]],
    "two users, one movie": [[4], [2]],
    "everything rated": [[3, 3, 3]] * 3,
    "all the same": [[5, 0, 0], [0, 5, 0], [0, 0, 5]],
    "nothing rated by one user": [[4, 2, 0], [0, 0, 0]],
}


def data_may_be_tiny(subject: Subject) -> None:
    """One rating, one movie, all rated, all the same."""
    for case, stars in TINY.items():
        try:
            _fits(subject, snapshot(np.array(stars, dtype=np.float32)), 2)
        except Exception as error:
            raise AssertionError(f"{case}: {type(error).__name__}: {error}") from error


def told_by(subject: Subject) -> dict[str, list[tuple[int, int]]]:
    """What a fit on the small data tells its progress callback, as (done, total) by step."""
    told: dict[str, list[tuple[int, int]]] = {}
    subject.quick().fit(
        subject.small, on_progress=lambda what, done, total: told.setdefault(what, []).append((done, total))
    )
    return told


def progress_ends_at_its_total(subject: Subject) -> None:
    """Steps only go forward, to one total; a model that takes no time may tell nothing."""
    for what, steps in told_by(subject).items():
        done, totals = zip(*steps, strict=True)
        require(list(done) == sorted(done), f"{what} goes back")
        require(len(set(totals)) == 1, f"{what} changes its total")
        require(done[-1] == totals[-1] > 0, f"{what} ends at {done[-1]} of {totals[-1]}")


CHECKS: tuple[Check, ...] = (
    its_config_has_a_seed_and_refuses_unknown_knobs,
    lists_are_exact,
    what_is_excluded_is_not_listed,
    groups_have_their_best,
    a_user_alone_gets_the_same_as_among_others,
    stars_do_not_depend_on_the_order,
    stored_and_loaded_it_is_the_same,
    the_same_seed_gives_the_same_table,
    fitting_leaves_the_snapshot_alone,
    scoring_twice_gives_the_same,
    lists_are_better_than_chance,
    stars_are_better_than_the_mean,
    all_users_are_never_dense,
    it_needs_no_demographics,
    it_needs_no_features_at_all,
    users_and_movies_may_have_no_ratings,
    data_may_be_tiny,
    progress_ends_at_its_total,
    parts_of_a_score_add_up,
)
