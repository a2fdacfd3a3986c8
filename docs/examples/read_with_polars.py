"""Polars: python read_with_polars.py data/serving.duckdb"""

import sys

import duckdb
import polars as pl

with duckdb.connect(sys.argv[1], read_only=True) as con:
    # Arrow in between: nothing is copied row by row.
    lists = pl.from_arrow(con.sql("FROM recommendations").to_arrow_table())
    movies = pl.from_arrow(con.sql("FROM movies").to_arrow_table())

popular = lists.group_by("movie_id").len("users").sort("users", "movie_id", descending=[True, False]).head(5)
print(popular.join(movies, on="movie_id", maintain_order="left").select("title", "year", "users"))
print(lists.group_by("rank").agg(pl.col("relevance").mean().round(3)).sort("rank"))
