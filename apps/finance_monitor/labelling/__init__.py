"""Labels of news that are doubtful, and news that is worth labelling."""
