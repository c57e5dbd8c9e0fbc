"""One training for every network of a space."""
