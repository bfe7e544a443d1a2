"""What a business decides of answers itself, before the model does."""
