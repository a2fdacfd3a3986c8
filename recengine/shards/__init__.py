"""Shards of users: parts of a snapshot that can be worked on alone and put together in their order."""
