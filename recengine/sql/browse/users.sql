-- Grain: one row per user whose id begins with $text, in the order of ids, $most at most.
-- Reads: users (of the published file). Writes: nothing.
SELECT user_key AS "user", user_id, gender, age, occupation, ratings, last_rated_at
FROM users WHERE starts_with(user_key, $text) ORDER BY user_id LIMIT $most
