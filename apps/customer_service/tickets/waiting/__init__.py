"""How long a customer waits for a person, and what they are told of it."""
