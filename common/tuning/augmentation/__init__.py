"""Training texts changed a little each time they are read, so that a model reads past it."""
