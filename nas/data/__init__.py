"""Images: where they come from, their splits, their decoding, and batches of them."""
