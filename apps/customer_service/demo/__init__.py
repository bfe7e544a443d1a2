"""The application on its sample data."""
