"""Tickets as rows of their table."""
