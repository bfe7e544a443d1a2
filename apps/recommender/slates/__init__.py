"""One list as it is handed out: who stands at which place of it."""
