"""Encoding, training, generation and search on one card, each beside its plain peer."""
