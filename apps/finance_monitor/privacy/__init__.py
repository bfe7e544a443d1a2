"""Fine-tuning on news that is a secret, within a privacy budget."""
