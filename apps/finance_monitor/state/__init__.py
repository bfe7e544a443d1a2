"""All that a monitor keeps: in a SQLite file, or in PostgreSQL."""
