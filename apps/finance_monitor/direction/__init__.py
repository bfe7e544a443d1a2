"""Which way a story points: pairs of texts that differ in little, and mean the opposite."""
