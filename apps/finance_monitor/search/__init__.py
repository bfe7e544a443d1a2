"""Stories found by their words, company, topic, sentiment and time."""
