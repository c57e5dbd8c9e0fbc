"""What a notebook shows of a search and its result: HTML and SVG that need no script and fit light and dark pages."""
