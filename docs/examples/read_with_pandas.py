"""pandas: python read_with_pandas.py data/serving.duckdb"""

import sys

import duckdb

with duckdb.connect(sys.argv[1], read_only=True) as con:
    lists = con.sql("SELECT user_id, rank, title, predicted_rating FROM recommendations_detailed").df()
    movies = con.sql("FROM movies").df()

print(lists.head())
print("users for each movie at the top:")
print(lists[lists["rank"] == 1].groupby("title")["user_id"].count().sort_values(ascending=False).head())
# A list column, a row per genre.
print(movies.explode("genres").groupby("genres")["ratings"].sum().sort_values(ascending=False).head())
