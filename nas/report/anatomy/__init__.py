"""A network layer by layer, as a reader sees it."""
