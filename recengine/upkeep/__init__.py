"""What keeps a home sound: repairs, users who leave it, a copy as it was on a day."""
