"""One training run in memory: the Lightning module, its fit and its checkpoints."""
