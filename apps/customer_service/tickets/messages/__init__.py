"""What is said in tickets."""
