"""Estimates, tests and corrections over arrays of one number per run; resampling has a fixed seed of its own."""
