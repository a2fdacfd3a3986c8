"""What keeps a home sound: repairs, and users who leave it."""
