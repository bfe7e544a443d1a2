"""Vectors found among many."""
