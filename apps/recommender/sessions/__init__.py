"""Somebody of whom only this session is known."""
