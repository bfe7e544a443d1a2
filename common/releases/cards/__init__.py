"""A release on paper: its model card and the data sheet of what it learned from."""
