"""Questions → passages that answer them."""
