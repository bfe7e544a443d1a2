"""A release that another is learned from."""
