"""Which other companies an alert concerns, by how they depend on each other."""
