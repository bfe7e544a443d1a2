"""News that others send: stories over HTTP, signed."""
