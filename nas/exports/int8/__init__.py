"""int8 that keeps the accuracy: rungs from cheap to expensive, of which the first that holds is taken."""
