(
    SELECT line, raw FROM {lines}
    WHERE line IN (
        SELECT rowid - (SELECT min(rowid) FROM raw.ratings_{file_id}) + {first_line}
        FROM raw.ratings_{file_id} WHERE user_id IS NULL
    )
)
