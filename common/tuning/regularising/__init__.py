"""What keeps a model from learning its training texts by heart."""
