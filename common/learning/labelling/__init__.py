"""Labels that people mend or add: which to look at, written as tables and read back."""
