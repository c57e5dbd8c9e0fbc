"""Files of trained networks, a file each format."""
