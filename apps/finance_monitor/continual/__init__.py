"""A release trained further, without forgetting."""
