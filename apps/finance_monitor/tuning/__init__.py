"""Settings that do better on this application's records."""
