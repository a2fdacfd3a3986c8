"""SQLAlchemy, by the package duckdb_engine: python read_with_sqlalchemy.py data/serving.duckdb"""

import sys
from pathlib import Path

from sqlalchemy import column, create_engine, func, inspect, select, table

engine = create_engine(f"duckdb:///{Path(sys.argv[1]).absolute()}", connect_args={"read_only": True})
inspector = inspect(engine)
print(sorted(inspector.get_table_names()))
print([str(found["name"]) for found in inspector.get_columns("recommendations")])

# By the columns that are read: duckdb_engine 0.17 cannot reflect keys, so Table(..., autoload_with=engine) fails.
lists = table("recommendations", column("user_id"), column("rank"), column("movie_id"))
movies = table("movies", column("movie_id"), column("title"))
users = func.count().label("users")
query = (
    select(movies.c.title, users)
    .join_from(lists, movies, lists.c.movie_id == movies.c.movie_id)
    .group_by(movies.c.title)
    .order_by(users.desc(), movies.c.title)
    .limit(5)
)
with engine.connect() as con:
    for title, count in con.execute(query):
        print(count, title)
