"""Answers by a checked path of a business's facts."""
