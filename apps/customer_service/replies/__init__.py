"""Approved replies → a generator that writes as the business does, within a release."""
