"""Two releases side by side: who is shown which, and what came of it."""
