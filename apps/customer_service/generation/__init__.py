"""Replies composed of several passages, each sentence with the source that says it."""
