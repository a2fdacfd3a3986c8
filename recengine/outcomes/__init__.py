"""What became of what was published: past lists, and the ratings that people made while they were live."""
