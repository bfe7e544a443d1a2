"""Who changed what, written down in one place."""
