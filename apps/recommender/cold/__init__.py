"""Items that nobody has met yet: their own score, and their places in a list."""
