"""Branches that improve one model together."""
