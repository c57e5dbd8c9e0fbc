"""From a device to a profile: what is measured, how it gets there, and what is written."""
