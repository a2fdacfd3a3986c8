"""The private database: opened, migrated, locked, and its history written."""
