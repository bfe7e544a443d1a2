"""A small network learns what a large one, or several, make of texts."""
