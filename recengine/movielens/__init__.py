"""What a source says: its files found, told apart by layout, read and fetched."""
