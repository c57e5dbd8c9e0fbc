"""Dashboards of others that show a run: Optuna's, which reads its record, and Weights & Biases'."""
