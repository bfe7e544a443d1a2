"""What messages say beyond what they ask."""
