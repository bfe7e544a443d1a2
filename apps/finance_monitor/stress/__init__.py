"""News written otherwise."""
