"""How messages are spelled."""
