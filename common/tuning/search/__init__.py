"""Settings found by trying them: what is tried, in which order, and what came of it."""
