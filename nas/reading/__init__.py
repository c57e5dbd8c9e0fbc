"""Text and files of users to plain values: every reader is bounded, and says in one line what it cannot read."""
