"""How a run computes what it learns, and in how much memory."""
