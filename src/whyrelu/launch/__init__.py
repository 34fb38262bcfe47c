"""Starting runs, one alone or a sweep through a Hydra launcher, and showing how it goes."""
