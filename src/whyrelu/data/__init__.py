"""Data sets: raw files become memory-mapped arrays once (`prepare`), and splits and batches in each run."""
