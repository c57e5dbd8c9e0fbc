"""The end of a run: which networks are trained longer, how surely they are on the front, and their files."""
