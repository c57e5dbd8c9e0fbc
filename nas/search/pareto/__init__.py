"""An Optuna sampler for studies of which only some objectives need measuring; knows nothing of networks."""
