"""The learning rate of every cell, chosen on the validation split with equal budgets.

All cells of a study try the same steps of one grid per optimizer, with tuning seeds that no run of the study has. Where
the best rate is the last one of the grid, the grid is extended, for all activations that are compared with each other.
"""
