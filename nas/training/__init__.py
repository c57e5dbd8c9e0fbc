"""Images and trainings: data, recipes, proxies, confirmation. Lightning starts here."""

from nas.training.fit import fit

__all__ = ["fit"]
