"""What each setting is, and what it needs to have an effect."""
