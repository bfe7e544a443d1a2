"""Towards which company a text is good or bad: how a model is asked about one of them."""
