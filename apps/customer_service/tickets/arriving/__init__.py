"""What customers said, into tickets."""
