"""The verb that trains."""
