"""Labels of questions that are doubtful, and questions that are worth labelling."""
