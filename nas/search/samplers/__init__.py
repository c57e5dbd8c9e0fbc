"""Samplers by name, made fit for networks."""
