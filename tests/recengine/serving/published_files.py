"""A published file with everything that one may hold, made by hand: keys, comments, views, odd texts and types."""

from __future__ import annotations

from pathlib import Path

import duckdb

from recengine.config import Home
from recengine.serving.versions import STORAGE_VERSION, path_of, point_to

VERSIONS = ("20260101-000000-001", "20260102-000000-001")
TITLES = [
    "=1+1",
    "-30- (1959)",
    "+1",
    "@home",
    'a, "b"\nc',
    "",
    "Amélie ＝ 愛",
    "'71 (2014)",
    "\t tab",
    "plain",
]

_TABLES = """
CREATE TABLE p.publication AS SELECT $version AS version, 'hand' AS dataset, 'f' AS input_fingerprint,
    'm-1' AS model_id, 'ease' AS model, '{"ndcg@10": 0.5}'::JSON AS metrics;
CREATE TABLE p.movies (movie_id BIGINT PRIMARY KEY, title VARCHAR NOT NULL, genres VARCHAR[],
    categories MAP(VARCHAR, VARCHAR[]), mean_rating FLOAT);
INSERT INTO p.movies SELECT i, $titles[i], [$titles[i], 'Drama', NULL], MAP {'director': ['O''Neil "x"']},
    CASE WHEN i > 1 THEN i / 3 END FROM range(1, len($titles) + 1) AS r(i);
CREATE TABLE p.users AS SELECT (i * 7 - 5)::BIGINT AS user_id, i::VARCHAR AS user_key,
    '2020-01-01 00:00:00+00'::TIMESTAMPTZ + to_hours(i::INTEGER) AS first_rated_at FROM range($users) AS r(i);
CREATE TABLE p.recommendations (user_id BIGINT NOT NULL, rank INTEGER NOT NULL, movie_id BIGINT NOT NULL,
    score FLOAT, generated_at TIMESTAMP, PRIMARY KEY (user_id, rank));
INSERT INTO p.recommendations SELECT user_id, n::INTEGER, n, $score / n, '2026-01-01 03:00:00.123456'
    FROM p.users, range(1, 5) AS r(n) ORDER BY user_id, n;
CREATE TABLE p.reasons (user_id BIGINT, rank INTEGER, reason VARCHAR);
COMMENT ON TABLE p.movies IS 'One row a movie''s id';
COMMENT ON COLUMN p.movies.genres IS 'A list';
CREATE VIEW p.recommendations_detailed AS SELECT r.*, m.title, m.genres
    FROM recommendations AS r JOIN movies AS m USING (movie_id);
COMMENT ON VIEW p.recommendations_detailed IS 'With titles';
CREATE VIEW p.odd AS SELECT user_id, list(movie_id ORDER BY rank) AS movies FROM recommendations GROUP BY ALL;
"""


def publish_by_hand(home: Home, version: str, *, users: int = 50, score: float = 1.0) -> Path:
    """Make a version's file and point readers to it; every score of it is ``score`` over the rank."""
    home.serving.mkdir(parents=True, exist_ok=True)
    path = path_of(home, version)
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{path}' AS p (STORAGE_VERSION '{STORAGE_VERSION}')")
        told = {"version": version, "titles": TITLES, "users": users, "score": score}
        for statement in duckdb.extract_statements(_TABLES):
            needed = {name: told[name] for name in statement.named_parameters}
            con.execute("USE p")
            con.execute(statement.query.replace("p.", ""), needed)
        con.execute("USE memory")
        con.execute("DETACH p")
    point_to(home, version)
    return path
