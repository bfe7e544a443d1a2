"""Texts → labels."""
