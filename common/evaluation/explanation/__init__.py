"""Why a model decided as it did: the words that moved it, and the nearest examples."""
