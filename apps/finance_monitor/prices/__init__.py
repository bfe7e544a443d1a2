"""Prices and volumes beside the news, and what they did after alerts."""
