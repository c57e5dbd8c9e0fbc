"""Trackers by name, a file each, behind a guard."""
