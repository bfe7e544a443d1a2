"""Several parties improve one model, and none shows its texts."""
