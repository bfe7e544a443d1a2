"""The chat in other sites' pages."""
