"""Generated data, MovieLens-shaped."""
