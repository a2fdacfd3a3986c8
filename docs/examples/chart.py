"""Genres in what people rated beside what their lists hold: python chart.py data/serving.duckdb genres.png"""

import sys

import duckdb
import matplotlib as mpl

mpl.use("Agg")  # no screen is needed
import matplotlib.pyplot as plt
import matplotlib.ticker

SHARES = """
WITH rated AS (
    SELECT genre, count(*) AS n FROM ratings JOIN movies USING (movie_id), unnest(genres) AS g(genre) GROUP BY genre
),
listed AS (
    SELECT genre, count(*) AS n FROM recommendations_detailed, unnest(genres) AS g(genre) GROUP BY genre
)
SELECT genre, r.n / sum(r.n) OVER () AS rated, coalesce(l.n, 0) / sum(l.n) OVER () AS listed
FROM rated AS r LEFT JOIN listed AS l USING (genre) ORDER BY rated
"""

with duckdb.connect(sys.argv[1], read_only=True) as con:
    shares = con.sql(SHARES).df()

figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
shares.plot.barh(x="genre", y=["rated", "listed"], ax=axes, color=["#9aa5b1", "#c0392b"], width=0.8)
axes.xaxis.set_major_locator(mpl.ticker.MultipleLocator(0.05))
axes.xaxis.set_major_formatter("{x:.0%}")
axes.set(xlabel="share of all genres", ylabel="", title="What people rated, and what their lists hold")
figure.savefig(sys.argv[2], dpi=110)
