"""The article's comparison on ml-100k u1: column groups x depth, both error definitions, CPU seconds.

``as published`` trains as the author's code ran (``faithful=True``: no zeroed gradients, RMSprop, weight
decay 0.5, one user per step); ``trained sanely`` is the model's default. The epochs are fixed before the
test ratings are looked at; the sane way finds its own on held-out training ratings.
"""

from __future__ import annotations

import argparse
import itertools
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.realdata import canonical_split
from benchmarks.report import markdown, write
from recengine.evaluation.metrics import rmse, rmse_mean_per_user
from recengine.evaluation.splits import Split
from recengine.models.base import Model
from recengine.models.parts.biases import Biases
from recengine.models.sae import Sae, SaeConfig

GROUPS = ("ratings", "genres", "attributes", "both")
DEPTHS = ("3", "5", "7")


def main() -> None:
    """Run the comparison and write its page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=50, help="epochs of the article's own training")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    split = canonical_split(1)
    rows = [baseline(split)]
    for depth, columns in itertools.product(DEPTHS, GROUPS):
        rows.append(run(split, "trained sanely", SaeConfig(layers=depth, columns=columns)))
    for depth, columns in itertools.product(DEPTHS, GROUPS):
        config = SaeConfig.as_published(layers=depth, columns=columns, epochs=options.epochs)
        rows.append(run(split, "as published", config))
    header = (
        "training",
        "hidden layers",
        "columns",
        "RMSE",
        "mean of per-user RMSE",
        "epochs",
        "CPU seconds",
    )
    table = markdown(header, [[row[name] for name in header] for row in rows])
    notes = [
        "ml-100k, u1.base (80,000 ratings) -> u1.test (20,000). Lower is better. RMSE is over all test ratings; "
        "the article reports the mean over users of each user's own RMSE, which weighs users with few "
        "ratings more.",
        "Columns beside the ratings: genres (movies rated >= 3 per genre), attributes (female, male, age, "
        f"registration months), both. Seed 0, {options.threads} thread(s). The article trains 200 epochs; "
        f"{options.epochs} are run here.",
    ]
    write("article", "The article's comparison, reprinted", notes, [table], rows)


def run(split: Split, training: str, config: SaeConfig) -> dict[str, Any]:
    """One cell of the comparison."""
    began = time.process_time()
    model: Model = Sae(config).fit(split.train)
    seconds = time.process_time() - began
    predicted: NDArray[np.float32] | None
    if config.faithful:  # the article does not clip to the scale
        stars = model.score(split.train, slice(0, split.train.users)).numpy()
        predicted = stars[split.test.user_index, split.test.movie_index]
    else:
        predicted = model.predict(split.train, split.test.user_index, split.test.movie_index)
    row = figures(split, predicted)
    row |= {"training": training, "hidden layers": config.layers, "columns": config.columns}
    row |= {"epochs": len(model.history), "CPU seconds": f"{seconds:.1f}"}
    print(row, flush=True)
    return row


def baseline(split: Split) -> dict[str, Any]:
    """User and movie biases."""
    began = time.process_time()
    biases = Biases().fit(split.train)
    seconds = time.process_time() - began
    row = figures(split, biases.predict(split.test.user_index, split.test.movie_index))
    return row | {
        "training": "user and movie biases",
        "hidden layers": "-",
        "columns": "ratings",
        "epochs": "-",
        "CPU seconds": f"{seconds:.1f}",
    }


def figures(split: Split, predicted: Any) -> dict[str, Any]:
    """Both error definitions, four digits."""
    test = split.test
    return {
        "RMSE": f"{rmse(test.rating, predicted):.4f}",
        "mean of per-user RMSE": f"{rmse_mean_per_user(test.user_index, test.rating, predicted):.4f}",
    }


if __name__ == "__main__":
    main()
