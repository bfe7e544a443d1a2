"""Labels before and beside training: which are suspect, which to ask for, which to trust."""
