"""What a BI tool asks before it shows a table: python introspect.py data/serving.duckdb"""

import sys

import duckdb

ASKED = {
    "tables and views": "SELECT table_name, table_type FROM information_schema.tables ORDER BY table_name",
    "columns, by the standard": """
        SELECT table_name, column_name, ordinal_position, data_type, is_nullable
        FROM information_schema.columns WHERE table_schema = 'main' ORDER BY table_name, ordinal_position""",
    "columns with their comments": """
        SELECT table_name, column_name, data_type, comment
        FROM duckdb_columns() WHERE NOT internal ORDER BY table_name, column_index""",
    "keys": """
        SELECT table_name, constraint_type, constraint_column_names
        FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY' ORDER BY table_name""",
}

with duckdb.connect(sys.argv[1], read_only=True) as con:
    for what, query in ASKED.items():
        print(f"{what}:")
        for row in con.sql(query).fetchall():
            print(*row, sep=" | ")
