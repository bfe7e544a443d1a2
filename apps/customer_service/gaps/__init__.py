"""What customers ask that is not answered, and what was answered for good."""
