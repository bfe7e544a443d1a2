"""Near-copies of one story as one line: who had it first, and how it spread."""
