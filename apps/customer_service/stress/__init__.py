"""Questions written otherwise."""
