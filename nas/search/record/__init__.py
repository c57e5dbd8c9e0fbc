"""The Optuna study of a run, which is its only record."""
