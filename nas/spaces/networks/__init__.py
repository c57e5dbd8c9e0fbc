"""Which networks a space holds: an automaton with one path for each, counted, listed and drawn by it."""
