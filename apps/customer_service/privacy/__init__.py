"""Fine-tuning on questions that are a secret, within a privacy budget."""
