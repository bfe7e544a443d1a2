"""Pictures as questions."""
