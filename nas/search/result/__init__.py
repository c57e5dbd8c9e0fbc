"""What a run found, for front.json: its members, how much was reached, and how far the figures can be trusted."""
