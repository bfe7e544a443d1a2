"""Why an FAQ was found."""
