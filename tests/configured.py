"""Configurations of the digits."""

from whyrelu.config.grid import compose_grid


def configured(root, *overrides):
    """Configurations of a grid, with the data prepared in `root`."""
    return [run.config for run in compose_grid([f"prepared_root={root}", *overrides])]
