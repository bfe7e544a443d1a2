"""Every way to adapt a model, on the same work and budget."""
