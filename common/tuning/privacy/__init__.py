"""Training with a stated (ε, δ): what one record may change of a model is bounded."""
