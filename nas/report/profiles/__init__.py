"""What is shown of profiles: their errors, the shelf of them, and a recording."""
