"""A help desk elsewhere that is told of tickets."""
