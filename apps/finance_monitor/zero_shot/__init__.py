"""Before anything is fine-tuned: labels by their own words."""
