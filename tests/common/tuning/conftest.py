"""Puts this folder, with its `toy`, among what the tests below it may import."""
