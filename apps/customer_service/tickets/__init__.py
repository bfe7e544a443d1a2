"""Tickets: whom a conversation is handed over to, and what they reply."""
