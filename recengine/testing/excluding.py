"""What every model must keep of what is excluded and added, and within groups of movies."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.models.excluded import Boosts, Excluded
from recengine.testing.subject import Subject, require


def _excluded(data: Snapshot) -> tuple[Excluded, Boosts]:
    """Something of every kind, for all and for single users."""
    rng, shape, users = np.random.default_rng(1), (data.users, data.movies), np.arange(data.users)
    excluded = Excluded(
        data.ratings,
        rng.random(data.movies) < 0.2,
        others=csr_array(rng.random(shape) < 0.2),
        only=csr_array(rng.random(shape) < 0.5),
        limited=users % 3 == 0,
    )
    own = rng.normal(0, 2, shape) * (rng.random(shape) < 0.1)
    boosts = Boosts(rng.normal(0, 1, data.movies).astype(np.float32), csr_array(own.astype(np.float32)))
    return excluded, boosts


def what_is_excluded_is_not_listed(subject: Subject) -> None:
    """Whatever is excluded, for all or for one, the list is the best of what is left, as the boosts say."""
    model, data = subject.fitted, subject.small
    shape, users = (data.users, data.movies), np.arange(data.users)
    excluded, boosts = _excluded(data)
    values, movies = (found.numpy() for found in model.best(data, users, 12, excluded, boosts))
    kept = movies >= 0
    hidden = excluded(users).toarray() != 0
    require(not hidden[kept.nonzero()[0], movies[kept]].any(), "a list has an excluded movie")
    require((kept.sum(1) == np.minimum((~hidden).sum(1), 12)).all(), "a list is shorter than what is allowed")
    plain = Boosts(boosts.everyone * 0)
    alone = model.best(data, users, data.movies, Excluded(csr_array(shape), excluded.everyone & False), plain)
    base = np.empty(shape, dtype=np.float32)  # standardised, as the model itself scores what it lists
    np.put_along_axis(base, alone[1].numpy(), alone[0].numpy(), axis=1)
    wanted = np.where(hidden, -np.inf, base + boosts.everyone + boosts.of(users).toarray())
    np.testing.assert_allclose(values, -np.sort(-wanted, axis=1)[:, :12], atol=1e-4)


def groups_have_their_best(subject: Subject) -> None:
    """Within groups of movies the lists are what is left of everything once the others are taken out."""
    model, data = subject.fitted, subject.small
    excluded, boosts = _excluded(data)
    users, rng = np.arange(data.users), np.random.default_rng(2)
    groups = csr_array(rng.random((4, data.movies)) < np.array([0.6, 0.1, 0.0, 1.0])[:, None])
    for told in ((None, None), (excluded, boosts)):
        values, movies = (found.numpy() for found in model.best_of_groups(data, users, 5, groups, *told))
        plain, order = (found.numpy() for found in model.best(data, users, data.movies, *told))
        for group in range(4):
            members = np.append(np.isin(np.arange(data.movies), groups[[group]].indices), False)
            wanted = -np.sort(-np.where(members[order], plain, -np.inf), axis=1)[:, :5]
            require(
                members[movies[:, group]].sum() == (movies[:, group] >= 0).sum(),
                "a group lists another's movie",
            )
            np.testing.assert_allclose(values[:, group], wanted, atol=1e-4)
