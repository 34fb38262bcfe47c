"""Runs on disk: their identity, their folders, how one is done, skipped or resumed, and how many are, in a sweep."""
