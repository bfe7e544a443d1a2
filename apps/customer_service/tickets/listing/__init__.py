"""Which tickets there are, for those who look after them."""
