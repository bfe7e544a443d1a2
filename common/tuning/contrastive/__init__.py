"""Few labels: the encoder learns from pairs of texts before the heads learn from single ones."""
