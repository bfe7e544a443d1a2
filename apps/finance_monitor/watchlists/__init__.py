"""What each person watches: companies, topics and words, and who is notified of them."""
