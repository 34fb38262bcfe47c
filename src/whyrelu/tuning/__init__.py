"""The learning rate of every cell, chosen on the validation split with seeds that no study reports."""
