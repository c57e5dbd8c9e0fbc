"""Networks cut out of pretrained ones: which channels come first, what is taken and kept, and how it is fitted."""
