"""What a business decides of stories itself, after the model."""
