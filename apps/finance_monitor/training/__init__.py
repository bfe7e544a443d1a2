"""`train` on the command line, and which of its options go together."""
