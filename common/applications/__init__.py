"""What an application of one's own needs beside its records, its task and its release."""
