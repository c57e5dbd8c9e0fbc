"""TensorFlow Lite: how a graph is written, and how a file runs here."""
