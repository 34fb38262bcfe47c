"""One training run in memory: the Lightning module, its fit, its checkpoints and random streams."""
