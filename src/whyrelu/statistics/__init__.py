"""Estimates, intervals, tests and decisions, as pure functions over arrays of one number per run.

Nothing assumes equal variances, because spreads differ by an order of magnitude between activations. Every resampling
takes a seed of its own, so that a number never depends on what else is computed.
"""
