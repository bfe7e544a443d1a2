"""Rules that a business writes: what they say, how they are read, and that they are live."""
