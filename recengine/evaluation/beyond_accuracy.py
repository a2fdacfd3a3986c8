"""What lists are like, apart from being right: coverage, novelty, popularity lift, concentration, diversity.

Per-user figures are NaN for a user without the list or the history they need; means leave them out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.variety.selection import tastes_of

SMOOTHING = 0.01  # Steck's: a genre that is missing on a list costs much, not infinitely much


def incidence(top: NDArray[np.integer[Any]], movies: int) -> csr_array:
    """Lists as a matrix, float64 of shape (E, M): 1 where the movie is on the user's list.

    Parameters
    ----------
    top : ndarray of int, shape (E, k)
        Movie index of each recommendation; -1 pads.
    movies : int
        Size M of the catalogue.
    """
    listed = top >= 0
    indptr = np.concatenate([[0], np.cumsum(listed.sum(axis=1))])
    return csr_array((np.ones(indptr[-1]), top[listed], indptr), shape=(len(top), movies))


def list_figures(
    lists: csr_array, train: Snapshot, users: NDArray[np.integer[Any]]
) -> dict[str, NDArray[np.float64]]:
    """Figures of each user's list, float64 of shape (E,).

    - ``novelty``: mean of -log2(share of users who rated the movie), in bits (self-information: Zhou et al.
      2010). A movie nobody rated counts as rated once.
    - ``popularity``: mean number of training ratings of the listed movies.
    - ``history_popularity``: the same for the movies the user rated. The popularity lift is the ratio of
      both means over users (after the group average popularity of Abdollahpouri et al. 2019).
    - ``intra_list_diversity``: 1 - mean cosine between the genre vectors of two different movies of the
      list, leaving out movies without genres (Ziegler et al. 2005; genres as the content).
    - ``miscalibration``: KL(p || q), by how much the list's shares of genres q, smoothed with 1 % of p, miss those
      of the movies the user rated, p; 0 is the same shares (Steck, RecSys 2018).

    Parameters
    ----------
    lists : csr_array, shape (E, M)
        From ``incidence``.
    train : Snapshot
        Where popularity, histories and genres come from.
    users : ndarray of int, shape (E,)
        User index of each list.
    """
    raters = np.bincount(train.ratings.indices, minlength=train.movies)
    rating_users = max(1, np.count_nonzero(np.diff(train.ratings.indptr)))
    surprise = -np.log2(np.maximum(raters, 1) / rating_users)
    histories = train.ratings[users]
    histories.data = np.ones_like(histories.data)
    return {
        "novelty": _row_means(lists, surprise),
        "popularity": _row_means(lists, raters),
        "history_popularity": _row_means(histories, raters),
        "intra_list_diversity": _diversity(lists, train.movie_group("genre")),
        "miscalibration": _miscalibration(lists, histories, train.movie_group("genre")),
    }


def coverage(exposure: NDArray[np.number[Any]]) -> NDArray[np.float64]:
    """Share of the catalogue that is on at least one list.

    Parameters
    ----------
    exposure : ndarray of float or int, shape (..., M)
        On how many lists each movie is.

    Returns
    -------
    ndarray of float64, shape (...)
    """
    shares: NDArray[np.float64] = np.count_nonzero(exposure, axis=-1) / exposure.shape[-1]
    return shares


def gini(exposure: NDArray[np.number[Any]]) -> NDArray[np.float64]:
    """How unequally the catalogue is shown: 0 if all movies are on as many lists, near 1 if few are on all.

    Parameters
    ----------
    exposure : ndarray of float or int, shape (..., M)
        On how many lists each movie is, movies on no list included.

    Returns
    -------
    ndarray of float64, shape (...)
        0 where nothing is shown at all.
    """
    movies = exposure.shape[-1]
    weights = 2 * np.arange(1, movies + 1) - movies - 1
    shown = exposure.sum(axis=-1)
    unequal: NDArray[np.float64] = np.sort(exposure, axis=-1) @ weights / (movies * np.maximum(shown, 1))
    return unequal


def _row_means(rows: csr_array, values: NDArray[np.number[Any]]) -> NDArray[np.float64]:
    """Mean of a movie's value over each row's movies; NaN for an empty row."""
    length = np.diff(rows.indptr)
    return np.asarray(np.divide(rows @ values, length, out=np.full(len(length), np.nan), where=length > 0))


def _diversity(lists: csr_array, genres: csr_array) -> NDArray[np.float64]:
    """From sums only: |sum of n unit vectors|^2 is n plus every pair's cosine, counted twice."""
    norm = np.sqrt(genres.multiply(genres).sum(axis=1))  # (M,)
    unit = csr_array(genres.multiply(1 / np.where(norm > 0, norm, 1)[:, None]))
    summed = (lists @ unit).toarray()  # (E, G)
    compared = lists @ (norm > 0).astype(np.float64)
    pairs = compared * (compared - 1)
    cosines = (summed**2).sum(axis=1) - compared
    mean = np.divide(cosines, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return np.asarray(np.clip(1 - mean, 0, 1))


def _miscalibration(lists: csr_array, histories: csr_array, genres: csr_array) -> NDArray[np.float64]:
    wanted, listed = tastes_of(histories, genres), tastes_of(lists, genres)
    rows = np.repeat(np.arange(wanted.shape[0]), np.diff(wanted.indptr))
    smoothed = (1 - SMOOTHING) * csr_array(listed)[rows, wanted.indices] + SMOOTHING * wanted.data
    terms = wanted.data * np.log(wanted.data / smoothed)
    sums = np.bincount(rows, terms, minlength=wanted.shape[0])
    known = (np.diff(wanted.indptr) > 0) & (np.diff(listed.indptr) > 0)
    return np.where(known, np.maximum(sums, 0), np.nan)
