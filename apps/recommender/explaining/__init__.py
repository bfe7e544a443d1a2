"""Why an item is recommended to a user: past events and words of its text."""
