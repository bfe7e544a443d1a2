"""Facts about products and companies: read, checked, and followed by rules with a proof."""
