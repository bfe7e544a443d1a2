"""What goes with one item: its like, and what is taken together with it."""
