"""The learning rate of every cell, chosen on the validation split by one procedure, with seeds that no study reports.

First a grid of rates, extended where the best is at its end, for all activations that are compared with each other;
then the best rate and its two lower neighbours again on fresh seeds, of which the most reliable one is chosen.
"""
