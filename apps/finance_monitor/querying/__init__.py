"""Questions in SQL over stories, alerts and trends; nothing can be written."""
