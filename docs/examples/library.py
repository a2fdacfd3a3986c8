# %% [markdown]
# # recengine from a notebook
# Everything here runs with `pip install recengine` alone: no Prefect, no home, no server. It takes less than a
# minute, most of it compiling the loops on the first run. What it prints stands in library.md.

# %%
import tempfile
from pathlib import Path

import pandas as pd

import recengine
from recengine.synthetic.generator import GeneratorConfig, generate

pd.set_option("display.width", 110, "display.max_columns", 10, "display.precision", 3)

# %% [markdown]
# ## Data
# Any folder or zip that `recengine run --source` takes. Here one is generated, as large as a tenth of ml-100k.

# %%
scratch = tempfile.TemporaryDirectory()
folder = Path(scratch.name) / "cinema"
generate(folder, GeneratorConfig(layout="ml-1m", users=300, movies=200, ratings=10_000, seed=1))
data = recengine.read(folder)
print(data)
print(data.movies[["movie_id", "title", "year"]].head(3).to_string(index=False))

# %% [markdown]
# Or data frames: pandas, Arrow, Polars, or a dict of columns. Ids may be text.

# %%
small = recengine.read(
    pd.DataFrame(
        {
            "customer": ["eve", "eve", "ben", "ben", "amy", "amy"],
            "item": ["tt1", "tt2", "tt1", "tt3", "tt2", "tt3"],
            "stars": [5, 3, 4, 2, 1, 5],
        }
    )
)
print(small, "on a scale of", small.snapshot.scale)

# %% [markdown]
# What cannot be read is said in a sentence.

# %%
try:
    recengine.read({"customer": ["eve"], "stars": [5]})
except recengine.RecengineError as error:
    print(error)

# %% [markdown]
# ## A model
# `hybrid`, the default, is what the nightly run publishes; `stars` is shortened here.

# %%
model = recengine.fit(data, seed=1, stars={"sweeps": 40})
print(model)
lists = recengine.recommend(model, users=[2, 1], n=3)
print(lists.merge(data.movies[["movie_id", "title"]], on="movie_id").to_string(index=False))

# %% [markdown]
# ## Somebody new
# A few ratings are enough, and nothing is fitted again.

# %%
western, musical = data.movie_labels[[4, 9]]
lists = recengine.recommend(model, n=3, ratings={western: 5, musical: 2})
print(
    lists.drop(columns="user_id")
    .merge(data.movies[["movie_id", "title"]], on="movie_id")
    .to_string(index=False)
)

# %% [markdown]
# ## Movies that the same people rated

# %%
print(recengine.similar(data, western, n=3).to_string(index=False))

# %% [markdown]
# ## How good it is
# On the newest fifth of the ratings, with an interval for each figure.

# %%
for name in ("popularity", "ease"):
    judged = recengine.evaluate(data, name, ks=[10])
    ndcg, (low, high) = judged.metrics["ndcg@10"], judged.intervals["ndcg@10"]
    print(f"{name:10} ndcg@10 {ndcg:.3f} ({low:.3f} to {high:.3f}), rmse {judged.metrics['rmse']:.3f}")
print(judged.description)
