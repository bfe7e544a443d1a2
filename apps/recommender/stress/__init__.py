"""Histories written otherwise, and what a shop expects of their lists."""
