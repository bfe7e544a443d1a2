"""The release in 8 bits, for a server on a CPU."""
