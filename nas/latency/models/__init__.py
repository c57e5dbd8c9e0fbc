"""Models of milliseconds, fitted to a profile: a file each, and what they share."""
