"""Learning further from what a release learned, without forgetting it."""
