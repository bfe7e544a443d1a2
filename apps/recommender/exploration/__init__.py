"""Places given to chance, at a price that is stated, and what can be concluded from them."""
