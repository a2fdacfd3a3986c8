"""``recengine browse``: a page over the published file, on this machine only."""
